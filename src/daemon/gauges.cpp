// SPDX-License-Identifier: Apache-2.0
// What /metrics asks the daemon's parts for.
#include "daemon/daemon.h"

namespace shallop::daemon {
void Daemon::register_pool_gauges() {
    using pool::State;
    for (const auto state : {State::launching, State::idle, State::leased, State::paused, State::retiring}) {
        metrics_.gauge("shallop_instances", "Instances by state.", "state", std::string(pool::name(state)).c_str(),
                       [this, state] { return static_cast<double>(pool_.ledger().counts().in(state)); });
    }
    metrics_.gauge("shallop_instances_memory_bytes", "Sum of limits.memory of all instances.",
                   [this] { return static_cast<double>(pool_.ledger().counts().memory); });
    metrics_.gauge("shallop_containers_leaving", "Containers whose end is awaited.",
                   [this] { return static_cast<double>(janitor_.leaving()); });
    metrics_.gauge("shallop_events_waiting", "Events waiting for an instance.",
                   [this] { return static_cast<double>(pool_.ledger().counts().waiting); });
}

void Daemon::register_queue_gauges() {
    const auto& lines = queue_.lines();
    metrics_.gauge("shallop_queue_events", "Queued events that wait for their turn or their next attempt.",
                   [&lines] { return static_cast<double>(lines.events()); });
    metrics_.gauge("shallop_queue_bytes", "Bodies of these events.",
                   [&lines] { return static_cast<double>(lines.bytes()); });
    metrics_.gauge("shallop_queue_running", "Queued events that run.",
                   [&lines] { return static_cast<double>(lines.running()); });
    metrics_.gauge("shallop_queue_lag_seconds", "How long the oldest event that is due has been due.",
                   [this] { return static_cast<double>(queue_.lag()) / 1000; });
    metrics_.total("shallop_queue_transactions_total", "Transactions that changes of queued events were written in.",
                   [this] { return static_cast<double>(events_.groups_written()); });
    metrics_.total("shallop_queue_changes_total", "Changes of queued events: accepted, taken, ended.",
                   [this] { return static_cast<double>(events_.changes_written()); });
    metrics_.gauge("shallop_jobs_running", "Batch jobs that have not ended.",
                   [this] { return static_cast<double>(jobs_.running()); });
    metrics_.gauge("shallop_schedules", "Schedules of all functions, paused ones too.",
                   [this] { return static_cast<double>(scheduler_.size()); });
}

void Daemon::register_gauges() {
    const auto number = [](auto value) { return static_cast<double>(value); };
    register_pool_gauges();
    register_queue_gauges();
    metrics_.gauge("shallop_invocations_running", "Invocations that have begun and not ended.",
                   [=, this] { return number(invoker_.running()); });
    metrics_.gauge("shallop_functions", "Registered functions.",
                   [=, this] { return number(registry_.catalog()->functions.size()); });
    for (auto* listener : {&gateway_listener_, &admin_listener_}) {
        listener->on_refused([this](const char* reason) { metrics_.rejected(reason); });
    }
    // The operator's listener goes on: who asks what is wrong is to be told.
    gateway_listener_.under([this] { return pressure(); });
    metrics_.gauge("shallop_overload_rung",
                   "0; 1: replies end their connections; 2: requests are refused; 3: no connection is accepted.",
                   [=, this] { return number(pressure()); });
    metrics_.gauge("shallop_connections", "Client connections.", "listener", "gateway",
                   [=, this] { return number(gateway_listener_.connections()); });
    metrics_.gauge("shallop_connections", "Client connections.", "listener", "admin",
                   [=, this] { return number(admin_listener_.connections()); });
    metrics_.gauge("shallop_engine_up", "1 if the engine answered the last ping.",
                   [=, this] { return engine_up_ ? 1.0 : 0.0; });
    metrics_.gauge("shallop_storage_degraded", "1 if the last write to the database found no space.",
                   [=, this] { return number(store_->degraded()); });
    if (!settings_.tls_cert.empty()) {
        metrics_.gauge("shallop_tls_certificate_expiry_timestamp_seconds",
                       "When the certificate of new connections expires.",
                       [=, this] { return number(std::chrono::system_clock::to_time_t(certificate_until_)); });
    }
    metrics_.gauge("shallop_resident_bytes", "Resident memory of the daemon.", resident_bytes);
}

}  // namespace shallop::daemon
