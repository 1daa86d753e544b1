// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/base/id.h>
#include <shallop/base/log.h>
#include <shallop/function/spec.h>
#include <shallop/store/triggers.h>
#include <shallop/trigger/engine_trigger.h>
#include <shallop/trigger/event_lines.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace shallop::trigger {

using async::Task;
using base::Result;
using base::Status;

/// How a trigger has fared since the daemon started.
struct EngineTriggerView {
    EngineTrigger trigger;
    std::uint64_t fired = 0;
    std::string last_time, last_invocation;  ///< "": it has not fired
};

/// Functions that are run on what happens at the engine: follows its events while there are triggers, and puts those that match into the queue.
///
/// How far the events were dealt with is kept, so that what happens while the stream is cut, or while the daemon is away, is made up for, as far as
/// the engine remembers it. What comes twice is put once, by its idempotency key. What cannot be put now is tried again, for want
/// of room until it is twelve hours old, and holds up no other function's events; what the function's backlog can never take is given up.
/// Belongs to one loop. Everything in Parts outlives it.
class EngineTriggers {
public:
    struct Limits {
        std::size_t triggers = 100;
        std::size_t pending =
            10'000;  ///< events that match and are not in the queue yet; what comes beyond is dropped, and said
        base::Bytes bytes = 64ULL << 20;  ///< the same
    };
    struct Parts {
        docker::Engine& engine;
        store::Triggers& store;
        base::IdSource& ids;
        async::Clock& clock;
        base::Log& log;
        std::function<bool(const std::string& function)> known;
        std::function<Task<Result<queue::Accepted>>(queue::Order order)> put;
        /// The function of that name as it is now, or nothing: which events its backlog can never take. Empty: nobody knows.
        std::function<function::FunctionPtr(const std::string& function)> find{};
    };
    EngineTriggers(Limits limits, Parts parts, async::Executor executor);

    /// Reads what was left. After the functions are known.
    Task<Status> load();
    /// Until cancelled. After load().
    Task<void> run();

    /// Durable when they return. Faults: invalid, too_large, conflict (there are too many), not_found, storage.
    Task<Result<EngineTriggerView>> add(std::string document);
    Task<Result<EngineTriggerView>> set_paused(std::string id, bool paused);
    Task<Status> remove(std::string id);

    Result<EngineTriggerView> show(const std::string& id) const;
    /// Those with a greater id, in their order.
    std::vector<EngineTriggerView> list(const std::string& after, std::size_t most) const;

    /// A function is gone, and its triggers with it.
    void forget(const std::string& function);

private:
    Task<void> follow();
    Task<void> until_idle();
    void take(const docker::EngineEvent& event);
    Task<void> work();
    Task<void> work_off();
    Task<void> remove_gone();
    Task<Status> learn_engine();
    Task<void> until_ready();
    Task<bool> fire(PendingEvent pending);
    std::string why_never(const PendingEvent& pending) const;
    Task<void> note_progress();
    Task<Status> keep(EngineTrigger trigger);
    std::int64_t dealt_with() const;

    Limits limits_;
    Parts parts_;
    std::map<std::string, EngineTriggerView> triggers_;  ///< by id
    std::vector<std::string> gone_;                      ///< to be removed from the store
    EventLines pending_;
    std::set<std::string> dropping_;  ///< functions that have lost events since their line was full
    std::set<std::string> own_;       ///< containers that a Shallop made
    std::string engine_;              ///< its id; "": to be asked for, and so are those containers
    std::int64_t newest_nano_ = 0;    ///< of the events that came
    std::int64_t seen_nano_ = 0;      ///< the stream is read up to here
    std::int64_t noted_nano_ = 0;     ///< what the store has of dealt_with()
    async::Condition changed_;
};

}  // namespace shallop::trigger
