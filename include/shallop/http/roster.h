// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/task.h>

#include <cstddef>
#include <list>

namespace shallop::http {

class Wire;

/// The open connections of a listener, or into containers: the busy ones, and the idle ones in the order in which they became idle.
///
/// Its sweep is the only timer of all of them: it ends what is overdue and notices who has hung up, so that a request
/// costs no timer and no system call for either.
class Roster {
public:
    using Place = std::list<Wire*>::iterator;

    explicit Roster(async::Executor executor) : opened_(executor) {}

    Place add(Wire& wire) {
        if (busy_.empty() && idle_.empty()) opened_.notify_all();
        return busy_.insert(busy_.end(), &wire);
    }
    void remove(Place at, bool idle) { (idle ? idle_ : busy_).erase(at); }
    void to_idle(Place at) { idle_.splice(idle_.end(), busy_, at); }
    void to_busy(Place at) { busy_.splice(busy_.end(), idle_, at); }

    std::size_t busy() const { return busy_.size(); }

    /// Asks the connection that has been idle for longest to end. False if none is idle.
    bool evict_idle();

    /// Asks all idle ones to end.
    void evict_all_idle();

    /// Expires every wait whose deadline is not after `now`, and tells those who watch for it that their client has
    /// hung up.
    void sweep(async::Instant now);

    /// Sweeps ten times a second while there is any connection, until cancelled.
    async::Task<void> keep_sweeping(async::Clock& clock);

private:
    void find_hung_up();

    async::Condition opened_;
    std::list<Wire*> busy_;
    std::list<Wire*> idle_;
};

}  // namespace shallop::http
