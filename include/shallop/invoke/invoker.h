// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/task_group.h>
#include <shallop/base/log.h>
#include <shallop/contract/driver.h>
#include <shallop/function/event.h>
#include <shallop/function/spec.h>
#include <shallop/observe/invocations.h>
#include <shallop/observe/log_book.h>
#include <shallop/observe/metrics.h>
#include <shallop/pool/pool.h>

#include <string>
#include <vector>

namespace shallop::invoke {

using async::Instant;
using async::Task;
using base::Result;

/// The story of one event: deadline, lease, exchange, record. Belongs to one loop; outlives its invocations.
class Invoker {
public:
    Invoker(pool::Pool& pool, async::Clock& clock, base::Log& log, observe::Invocations& invocations,
            observe::LogBook& log_book, observe::Metrics& metrics, async::Executor executor);

    /// Runs `function` on `event`. One deadline (limits.timeout) covers waiting, launching and running. An event of which no byte had
    /// reached its instance when that died gets another one, once.
    ///
    /// `caller` is the task that awaits this: cancel() uses it, and catches it.
    /// Adds X-Shallop-Invocation-Id and Server-Timing to the head that reaches `reply`. On a fault the sink may have begun (then the caller
    /// cuts the connection) or not (then the caller answers). Cancelling it kills the process.
    /// Faults: overloaded, timed_out, launch_failed, function_failed, out_of_memory, engine_down, not_found (image gone), client_gone, too_large,
    /// invalid, shutting_down.
    Task<Result<contract::Outcome>> invoke(function::FunctionPtr function, const function::Event& event,
                                           function::BodySource& body, function::ReplySink& reply,
                                           async::Canceller& caller);

    /// Stops a running invocation; its client gets 502. False if it does not run.
    bool cancel(const std::string& id);

    std::size_t running() const { return running_.size(); }

    /// Refuses new events, waits for the running ones until `deadline`, then cancels them.
    Task<void> drain(Instant deadline);

private:
    struct Run;
    contract::Call call_for(Run& run, std::optional<Task<void>>& afterwards);
    void begin(Run& run, const pool::Lease& lease);
    void record_end(Run& run, const Result<contract::Outcome>& result);

    pool::Pool& pool_;
    async::Clock& clock_;
    base::Log& log_;
    observe::Invocations& invocations_;
    observe::LogBook& log_book_;
    observe::Metrics& metrics_;
    std::vector<Run*> running_;  ///< each knows its place here
    async::Condition fewer_;
    bool draining_ = false;
    async::TaskGroup tasks_;  // last: its tasks hold leases
};

}  // namespace shallop::invoke
