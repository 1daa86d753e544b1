// SPDX-License-Identifier: Apache-2.0
#include "invoke/metered.h"

#include <shallop/async/race.h>
#include <shallop/contract/faults.h>
#include <shallop/invoke/invoker.h>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>

namespace shallop::invoke {

using base::Error;
using base::Fault;
using contract::Outcome;

/// One invocation while it runs; listed in `running_` so that an operator can cancel it.
struct Invoker::Run {
    Run(Invoker& i, function::FunctionPtr f, const function::Event& e, function::BodySource& b, function::ReplySink& r,
        async::Canceller& c)
        : invoker(i),
          function(std::move(f)),
          event(e),
          owned(i.invocations_.started()),
          record(*owned),
          body(b, record),
          reply(r, record, i.clock_),
          caller(c),
          began(i.clock_.now()),
          deadline(began + function->spec.limits.timeout),
          place(i.running_.size()) {
        record.id = event.id;
        record.function = function->spec.name;
        record.version = function->version;
        record.attempt = event.attempt;
        record.method = event.method;
        record.path.assign(event.target, 0, std::min(event.target.find('?'), observe::longest_path));
        record.status = "queued";
        record.received = i.clock_.wall();
        invoker.running_.push_back(this);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() {
        auto& all = invoker.running_;
        all[place] = all.back();
        all[place]->place = place;
        all.pop_back();
        if (invoker.draining_) invoker.fewer_.notify_all();
    }

    void stop() {
        cancel = true;
        caller.cancel();
    }

    Invoker& invoker;
    function::FunctionPtr function;
    const function::Event& event;
    std::unique_ptr<observe::Invocation> owned;
    observe::Invocation& record;
    MeteredSource body;
    MeteredSink reply;
    async::Canceller& caller;
    Instant began;
    Instant deadline;
    std::size_t place;
    observe::Start start = observe::Start::none;
    bool cancel = false;  ///< by an operator, or by the end of the drain
};

Invoker::Invoker(pool::Pool& pool, async::Clock& clock, base::Log& log, observe::Invocations& invocations,
                 observe::LogBook& log_book, observe::Metrics& metrics, async::Executor executor)
    : pool_(pool),
      clock_(clock),
      log_(log),
      invocations_(invocations),
      log_book_(log_book),
      metrics_(metrics),
      fewer_(executor),
      tasks_(executor, log) {}

namespace {

/// Keeps the instance while a process that had its time is being ended.
Task<void> hold(pool::Lease, Task<void> work) { co_await std::move(work); }

observe::Start start_of(pool::Start start) {
    switch (start) {
        case pool::Start::warm:
            return observe::Start::warm;
        case pool::Start::standby:
            return observe::Start::standby;
        case pool::Start::cold:
            return observe::Start::cold;
    }
    return observe::Start::none;
}

/// Faults that an instance which died may have been the reason of, rather than the event.
bool may_be_the_instance(Fault fault) { return fault == Fault::function_failed || fault == Fault::launch_failed; }

Error hung_up() { return {Fault::client_gone, "the client hung up"}; }

}  // namespace

/// The whole life of one event. Whichever line is cancelled, the lease is returned by unwinding.
Task<Result<Outcome>> Invoker::invoke(function::FunctionPtr function, const function::Event& event,
                                      function::BodySource& body, function::ReplySink& reply,
                                      async::Canceller& caller) {
    if (draining_) co_return Error(Fault::shutting_down, "the server is stopping");
    // Apart from this frame, so that Asio keeps the frame for the next event.
    const auto running = std::make_unique<Run>(*this, std::move(function), event, body, reply, caller);
    auto& run = *running;
    std::optional<Result<Outcome>> result;
    std::exception_ptr unwound;
    try {
        for (bool again = true; again;) {
            const bool first = !result;
            const bool yields = event.attempt > 0 && run.function->spec.async.yield;
            auto turn = pool_.ask(run.function, first ? run.began : clock_.now(), yields);
            if (!turn.done()) co_await turn.wait(run.deadline);
            auto lease = turn.take();
            if (!lease) {
                result.emplace(lease.error());
                break;
            }
            begin(run, *lease);
            std::optional<Task<void>> afterwards;
            auto call = call_for(run, afterwards);
            result.emplace(co_await lease->instance().driver().exchange(call));
            const bool sound = lease->instance().driver().sound();
            if (afterwards) tasks_.spawn("end of a process", hold(std::move(*lease), std::move(*afterwards)));
            again = first && !*result && !call.sent && !sound && may_be_the_instance((*result).error().fault);
        }
    } catch (const boost::system::system_error&) {
        unwound = std::current_exception();
        result.reset();
    } catch (const std::exception& bug) {
        unwound = std::current_exception();
        result.emplace(Error(Fault::internal, bug.what()));
    }
    if (unwound && !result && run.cancel) {
        co_await boost::asio::this_coro::reset_cancellation_state();
        unwound = nullptr;
        result.emplace(Error(Fault::function_failed, "the invocation was cancelled by an operator"));
    } else if (!unwound && run.cancel) {
        // It ended by itself just then. What comes after it, such as writing its end down, is not what was cancelled.
        co_await boost::asio::this_coro::reset_cancellation_state();
    }
    if (!result) result.emplace(hung_up());
    record_end(run, *result);
    if (unwound) std::rethrow_exception(unwound);
    co_return std::move(*result);
}

void Invoker::begin(Run& run, const pool::Lease& lease) {
    run.record.queue = lease.queued();
    run.record.start = lease.started();
    run.record.status = "running";
    run.start = start_of(lease.start());
    run.reply.run_begins(lease.since());
}

contract::Call Invoker::call_for(Run& run, std::optional<Task<void>>& afterwards) {
    contract::Call call{run.event, run.body, run.reply, run.deadline};
    call.stderr_line = [this, &run](std::string line) {
        log_book_.add(run.record.function, {0, clock_.wall(), "stderr", run.record.id, std::move(line)});
    };
    call.afterwards = [&afterwards](Task<void> work) { afterwards.emplace(std::move(work)); };
    return call;
}

void Invoker::record_end(Run& run, const Result<Outcome>& result) {
    auto& record = run.record;
    const auto now = clock_.now();
    record.run = run.reply.running(now);
    record.ended = record.received + std::chrono::duration_cast<observe::WallTime::duration>(now - run.began);
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
        record.exit_code = contract::exit_code_of(result.error());
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
    const observe::Run took{run.start,  record.queue, record.start,
                            record.run, record.cpu,   run.function->spec.limits.memory};
    metrics_.invocation(record.function, outcome, took);
    const bool cancelled = run.cancel || record.fault == base::name(Fault::client_gone);
    record.status = cancelled ? "cancelled" : failed ? "failed" : "succeeded";
    invocations_.ended(std::move(run.owned));
}

bool Invoker::cancel(const std::string& id) {
    const auto at = std::find_if(running_.begin(), running_.end(), [&](const Run* run) { return run->event.id == id; });
    if (at == running_.end()) return false;
    (*at)->stop();
    return true;
}

Task<void> Invoker::drain(Instant deadline) {
    draining_ = true;
    while (!running_.empty() && clock_.now() < deadline) {
        auto fewer = fewer_.wait();
        auto timer = clock_.sleep_until(deadline);
        co_await async::race(std::move(fewer), std::move(timer));
    }
    for (auto* run : running_) run->stop();
    while (!running_.empty()) co_await fewer_.wait();
    tasks_.cancel();
    co_await tasks_.join();
}

}  // namespace shallop::invoke
