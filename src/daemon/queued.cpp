// SPDX-License-Identifier: Apache-2.0
// What the queue, jobs, schedules and triggers are given, and what is told of functions.
#include "daemon/daemon.h"

namespace shallop::daemon {

queue::Settings Daemon::queue_settings() const {
    queue::Settings own;
    own.directory = settings_.data_dir;
    own.lines.events = settings_.backlog_events;
    own.lines.bytes = settings_.backlog_bytes;
    own.lines.running = static_cast<int>(settings_.queue_concurrency);
    own.callbacks_to = settings_.callback_allow;
    return own;
}

queue::Queue::Parts Daemon::queue_parts(async::BlockingPool& blocking) {
    return {events_, invoker_, log_book_, metrics_, blocking, ids_, clock_, log_, [this](const std::string& name) {
                auto found = registry_.catalog()->find(name);
                return found ? found : jobs_.function(name);
            }};
}

queue::Jobs::Parts Daemon::job_parts() {
    return {queue_,
            events_,
            ids_,
            clock_,
            log_,
            [this](const std::string& name) { return registry_.catalog()->find(name); },
            [this](function::Spec spec) { return registry_.make(std::move(spec)); },
            [](const store::StoredFunction& stored) { return registry::Registry::revive(stored); },
            [this](const std::string& name) {
                pool_.withdraw(name);
                metrics_.forget(name);
                log_book_.forget(name);
            }};
}

trigger::Scheduler::Parts Daemon::scheduler_parts() {
    return {*store_, queue_runs_,
            clock_,  ids_,
            log_,    [this](const std::string& name) { return registry_.catalog()->find(name) != nullptr; }};
}

trigger::EngineTriggers::Parts Daemon::trigger_parts() {
    return {engine_,
            stored_triggers_,
            ids_,
            clock_,
            log_,
            [this](const std::string& name) { return registry_.catalog()->find(name) != nullptr; },
            [this](queue::Order order) { return queue_.put(std::move(order)); },
            [this](const std::string& name) { return registry_.catalog()->find(name); }};
}

std::set<std::string> Daemon::images_in_use() const {
    auto used = registry_.images();
    for (const auto& function : jobs_.functions()) used.insert(function->spec.image);
    return used;
}

/// The registry's word that a function is new, has a new version, or is gone.
void Daemon::changed(const function::FunctionPtr& before, const function::FunctionPtr& after) {
    if ((before && before->spec.source) || (after && after->spec.source)) supply_runtimes();
    if (before && before->spec.build) builder_.collect();
    queue_.changed((after ? after : before)->spec.name);
    note_folder(before, after);
    if (after) return pool_.deploy(after);
    scheduler_.forget(before->spec.name);
    triggers_.forget(before->spec.name);
    pool_.withdraw(before->spec.name);
    metrics_.forget(before->spec.name);
    log_book_.forget(before->spec.name);
}

}  // namespace shallop::daemon
