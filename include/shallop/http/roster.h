// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>

#include <cstddef>
#include <list>

namespace shallop::http {

class Wire;

/// The open connections of a listener: the busy ones, and the idle ones in the order in which they became idle.
///
/// Its sweep is the only timer of all of them: it ends what is overdue and notices who has hung up, so that a request
/// costs no timer and no system call for either.
class Roster {
public:
    using Place = std::list<Wire*>::iterator;

    Place add(Wire& wire) { return busy_.insert(busy_.end(), &wire); }
    void remove(Place at, bool idle) { (idle ? idle_ : busy_).erase(at); }
    void to_idle(Place at) { idle_.splice(idle_.end(), busy_, at); }
    void to_busy(Place at) { busy_.splice(busy_.end(), idle_, at); }

    /// Asks the connection that has been idle for longest to end. False if none is idle.
    bool evict_idle();

    /// Asks all idle ones to end.
    void evict_all_idle();

    /// Expires every wait whose deadline is not after `now`, and tells those who watch for it that their client has
    /// hung up.
    void sweep(async::Instant now);

private:
    void find_hung_up();

    std::list<Wire*> busy_;
    std::list<Wire*> idle_;
};

}  // namespace shallop::http
