// SPDX-License-Identifier: Apache-2.0
// What the queue and the triggers are given.
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
    return {events_,  invoker_, log_book_,
            metrics_, blocking, ids_,
            clock_,   log_,     [this](const std::string& name) { return registry_.catalog()->find(name); }};
}

trigger::EngineTriggers::Parts Daemon::trigger_parts() {
    return {engine_,
            stored_triggers_,
            ids_,
            clock_,
            log_,
            [this](const std::string& name) { return registry_.catalog()->find(name) != nullptr; },
            [this](queue::Order order) { return queue_.put(std::move(order)); }};
}

}  // namespace shallop::daemon
