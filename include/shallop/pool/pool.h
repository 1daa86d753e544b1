// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/function/spec.h>
#include <shallop/instance/launcher.h>
#include <shallop/pool/ledger.h>

#include <map>
#include <memory>

namespace shallop::pool {

using async::Task;
using base::Result;

class Pool;

/// The right to use one instance for one invocation. Destroying it retires the instance and lets the next one in.
class Lease {
public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

    instance::Instance& instance() { return *instance_; }
    async::Duration queued() const { return queued_; }
    async::Duration started() const { return started_; }

private:
    friend class Pool;
    Pool* pool_ = nullptr;
    Ticket ticket_ = 0;
    std::unique_ptr<instance::Instance> instance_;
    async::Duration queued_{}, started_{};
};

/// Decides which instance gets an event: waits for room within `scale.max` and the global bound, then launches.
///
/// Belongs to one loop: call it only from there. Outlives every Lease.
class Pool {
public:
    Pool(int instances_in_all, instance::Launcher& launcher, async::Clock& clock, async::Executor executor);

    /// Waits for room and a launched instance, at most until `deadline` and, for the room, scale.queue_timeout.
    /// Faults: overloaded (queue full, or waited out), timed_out, launch_failed, not_found, engine_down.
    Task<Result<Lease>> acquire(function::FunctionPtr function, async::Instant deadline);

    const Ledger& ledger() const { return ledger_; }

private:
    friend class Lease;
    struct Waiter;
    Task<Result<void>> wait_for_room(function::FunctionPtr function, async::Instant deadline, Ticket& ticket);
    void leave(Ticket ticket);

    instance::Launcher& launcher_;
    async::Clock& clock_;
    async::Executor executor_;
    Ledger ledger_;
    std::map<Ticket, Waiter*> waiters_;
};

}  // namespace shallop::pool
