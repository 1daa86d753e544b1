// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/task_group.h>
#include <shallop/base/log.h>
#include <shallop/docker/engine.h>

#include <map>
#include <set>
#include <string>

namespace shallop::instance {

using async::Instant;
using async::Task;

/// Sees to it that no container of ours outlives its use, whatever the engine does meanwhile.
///
/// A container retired here is expected to go by itself (its shim exits, AutoRemove); the engine's events confirm it. One that is still there after
/// `patience` is removed by force, retried with back-off, never in a caller's path. A sweep by label at start, at each reconnection of the event
/// stream and on a timer removes what belongs to this data directory and is not alive: judged by (daemon id, instance id), never by age or name.
class Janitor {
public:
    struct Settings {
        std::string daemon_id;
        base::Duration patience = std::chrono::seconds(5);
        base::Duration sweep_every = std::chrono::seconds(60);
        std::size_t removals_in_flight = 4;
    };

    Janitor(Settings settings, docker::Engine& engine, async::Clock& clock, base::Log& log, async::Executor executor);

    /// `instance` is being made or lives: sweeps leave its container alone.
    void adopt(const std::string& instance);

    /// `instance` has ended. `container` may be empty where a create was cut off and its outcome is not known.
    void retire(const std::string& instance, const std::string& container);

    /// The same for a container that was created and never started: it does not go by itself.
    void discard(const std::string& instance, const std::string& container);

    /// Follows the engine's events and works off what is retired, until cancelled.
    Task<void> run();

    /// Removes every container of this data directory that is not adopted. Returns how many it removed.
    Task<base::Result<std::size_t>> sweep();

    /// Waits until nothing is retired and still there, at most until `deadline`; removes by force what remains by then.
    Task<void> drain(Instant deadline);

    std::size_t alive() const { return adopted_.size(); }
    std::size_t leaving() const { return retired_.size(); }

private:
    struct Retired {
        std::string container;
        Instant look_at;  ///< when to remove it by force
        int attempts = 0;
        bool removing = false;
    };

    Task<void> work_off();
    Task<void> sweep_regularly();
    void remove_overdue();
    Task<void> remove_retired(std::string instance, std::string container);
    Task<void> keep_looking();
    void hasten();
    Task<void> until_empty(Instant deadline);
    Task<base::Status> remove_one(std::string instance, std::string container);
    void gone(const std::string& instance);

    Settings settings_;
    docker::Engine& engine_;
    async::Clock& clock_;
    base::Log& log_;
    std::set<std::string> adopted_;
    std::map<std::string, Retired> retired_;  ///< by instance id
    async::Condition changed_;
    std::size_t removing_ = 0;
    bool sweep_wanted_ = true;
    async::TaskGroup tasks_;
};

}  // namespace shallop::instance
