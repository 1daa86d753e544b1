// SPDX-License-Identifier: Apache-2.0
#include "invoke/metered.h"

#include <shallop/async/race.h>
#include <shallop/invoke/invoker.h>

#include <optional>

namespace shallop::invoke {

using base::Error;
using base::Fault;
using contract::Outcome;

/// One invocation while it runs; listed in `running_` so that an operator can cancel it.
struct Invoker::Run {
    Run(Invoker& i, function::FunctionPtr f, function::Event e, function::BodySource& b, function::ReplySink& r)
        : invoker(i),
          function(std::move(f)),
          event(std::move(e)),
          body(b, record),
          reply(r, record, i.clock_),
          deadline(i.clock_.now() + function->spec.limits.timeout),
          cancelled(i.executor_) {
        record.id = event.id;
        record.function = function->spec.name;
        record.version = function->version;
        record.method = event.method;
        record.path = event.target.substr(0, event.target.find('?'));
        record.received = i.clock_.wall();
        invoker.running_[event.id] = this;
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() {
        invoker.running_.erase(event.id);
        invoker.fewer_.notify_all();
    }

    void report(const char* status) {
        record.status = status;
        invoker.invocations_.report(record);
    }

    Invoker& invoker;
    function::FunctionPtr function;
    function::Event event;
    observe::Invocation record;
    MeteredSource body;
    MeteredSink reply;
    Instant deadline;
    async::Condition cancelled;
    bool cancel = false;
};

Invoker::Invoker(Settings settings, pool::Pool& pool, async::Clock& clock, base::Log& log,
                 observe::Invocations& invocations, observe::LogBook& log_book, observe::Metrics& metrics,
                 async::Executor executor)
    : settings_(std::move(settings)),
      pool_(pool),
      clock_(clock),
      log_(log),
      invocations_(invocations),
      log_book_(log_book),
      metrics_(metrics),
      executor_(executor),
      fewer_(executor),
      tasks_(executor, log) {}

namespace {

Task<void> until_cancelled(const bool& cancel, async::Condition& cancelled) {
    while (!cancel) co_await cancelled.wait();
}

/// Keeps the container while a process that had its time is being ended.
Task<void> hold(pool::Lease, Task<void> work) { co_await std::move(work); }

}  // namespace

Task<Result<Outcome>> Invoker::invoke(function::FunctionPtr function, function::Event event, function::BodySource& body,
                                      function::ReplySink& reply) {
    if (draining_) co_return Error(Fault::shutting_down, "the server is stopping");
    Run run(*this, std::move(function), std::move(event), body, reply);
    run.report("queued");
    struct Unwound {  // the invocation's task was cancelled: its client hung up, or the server stops
        Invoker& invoker;
        Run& run;
        bool ended = false;
        ~Unwound() {
            if (!ended) invoker.record_end(run, Error(Fault::client_gone, "the client hung up"));
        }
    } unwound{*this, run};

    std::optional<Result<Outcome>> result;
    auto attempting = async::detail::store_result(attempt(run), result);
    auto cancelling = until_cancelled(run.cancel, run.cancelled);
    co_await async::race(std::move(attempting), std::move(cancelling));
    if (!result) result.emplace(Error(Fault::function_failed, "the invocation was cancelled by an operator"));
    unwound.ended = true;
    record_end(run, *result);
    co_return std::move(*result);
}

/// The whole life of one event. Whichever line is cancelled, the lease is returned by unwinding.
Task<Result<Outcome>> Invoker::attempt(Run& run) {
    auto lease = co_await pool_.acquire(run.function, run.deadline);
    if (!lease) co_return lease.error();
    run.record.queue = lease->queued();
    run.record.start = lease->started();
    run.reply.run_begins();
    run.report("running");

    const auto to_log = [this, &run](std::string line) {
        log_book_.add(run.record.function, {0, clock_.wall(), "stderr", run.record.id, std::move(line)});
    };
    contract::CgiCall call{
        lease->instance().channel(), *run.function, run.event, run.body, run.reply, to_log, clock_, run.deadline};
    call.kill_grace = settings_.kill_grace;
    call.spool_dir = settings_.spool_dir;
    std::optional<Task<void>> afterwards;
    call.afterwards = [&afterwards](Task<void> work) { afterwards.emplace(std::move(work)); };
    auto outcome = co_await contract::exchange_cgi(std::move(call));
    if (afterwards) tasks_.spawn("end of a process", hold(std::move(*lease), std::move(*afterwards)));
    co_return outcome;
}

void Invoker::record_end(Run& run, const Result<Outcome>& result) {
    auto& record = run.record;
    record.run = run.reply.running();
    record.ended = clock_.wall();
    if (result) {
        record.exit_code = result->exit_code;
        record.signal = result->signal;
        record.cpu = result->cpu;
        record.max_rss = result->max_rss;
        if (result->reply_incomplete) {
            record.fault = base::name(Fault::function_failed);
            record.detail = result->incomplete_reason;
        }
    } else {
        record.fault = base::name(result.error().fault);
        record.detail = result.error().log.empty() ? result.error().detail : result.error().log;
    }
    const bool failed = !record.fault.empty() || record.exit_code > 0 || record.signal > 0;
    if (!record.fault.empty()) {
        log_book_.add(record.function, {0, record.ended, "shallop", record.id, record.fault + ": " + record.detail});
        log_.warn(
            "invocation failed",
            {{"id", record.id}, {"function", record.function}, {"fault", record.fault}, {"detail", record.detail}});
    }
    const auto outcome = !record.fault.empty() ? record.fault
                         : failed              ? std::string("exit_nonzero")
                                               : std::string("ok");
    metrics_.invocation(record.function, outcome, record.queue, record.start, record.run, record.cpu);
    run.report(run.cancel || record.fault == base::name(Fault::client_gone) ? "cancelled"
               : failed                                                     ? "failed"
                                                                            : "succeeded");
}

bool Invoker::cancel(const std::string& id) {
    const auto at = running_.find(id);
    if (at == running_.end()) return false;
    at->second->cancel = true;
    at->second->cancelled.notify_all();
    return true;
}

Task<void> Invoker::drain(Instant deadline) {
    draining_ = true;
    while (!running_.empty() && clock_.now() < deadline) {
        auto fewer = fewer_.wait();
        auto timer = clock_.sleep_until(deadline);
        co_await async::race(std::move(fewer), std::move(timer));
    }
    for (auto& [id, run] : running_) {
        run->cancel = true;
        run->cancelled.notify_all();
    }
    while (!running_.empty()) co_await fewer_.wait();
    tasks_.cancel();
    co_await tasks_.join();
}

}  // namespace shallop::invoke
