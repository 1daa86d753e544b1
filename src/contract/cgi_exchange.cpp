// SPDX-License-Identifier: Apache-2.0
#include "contract/body_spool.h"
#include "contract/cgi_environment.h"
#include "contract/cgi_reply.h"
#include "contract/pipes.h"
#include "contract/stderr_lines.h"

#include <shallop/async/condition.h>
#include <shallop/async/race.h>
#include <shallop/contract/exchange.h>
#include <shallop/contract/faults.h>

#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <csignal>
#include <memory>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Status;

namespace {

constexpr std::size_t buffer_size = 64 * 1024;
// For the exit after the end of the output. Where only the exit tells whether an open-ended reply is whole, a busy machine gets
// more time: a truncated reply that looks whole is worse than a late one.
constexpr auto exit_patience = std::chrono::milliseconds(50);
constexpr auto verdict_patience = std::chrono::seconds(1);
constexpr std::size_t last_words = 1024 * 1024;  // of stderr that are read after the reply is whole

using Step = CgiReply::Step;

struct Buffer {
    std::unique_ptr<char[]> memory = std::make_unique_for_overwrite<char[]>(buffer_size);
    std::span<char> room() { return {memory.get(), buffer_size}; }
};

ReplyRules rules_for(const CgiCall& call) {
    ReplyRules rules;
    rules.output = call.function.spec.contract.output;
    rules.head_request = call.event.method == "HEAD";
    rules.body_limit = call.function.spec.limits.response_body;
    return rules;
}

/// One process and the four streams of bytes around it: request body, stdout, stderr, and its exit.
class CgiRun {
public:
    CgiRun(CgiCall& call, function::BodySource* body, async::Executor executor)
        : call_(call),
          body_(body),
          executor_(executor),
          reply_(rules_for(call)),
          lines_(call.function.spec.limits.log_rate, call.clock.now(), call.stderr_line),
          changed_(executor) {}

    /// Until the reply is whole, or there is a reason why it never will be.
    Task<Result<Outcome>> run(std::vector<std::string> environment) {
        auto conversation = converse(std::move(environment));
        auto result = co_await async::within(call_.clock, call_.deadline, std::move(conversation));
        take_last_words();
        if (result) co_return std::move(outcome_);
        const bool late = result.error().fault == Fault::timed_out && !body_fault_;
        if (late) end_in_background();
        auto error = late ? timed_out() : result.error();
        if (!call_.reply.begun() || error.fault == Fault::client_gone) co_return error;
        break_off(std::move(error.detail));
        co_return std::move(outcome_);
    }

private:
    /// Starts the process and passes bytes until the reply has ended or one side failed.
    Task<Result<void>> converse(std::vector<std::string> environment) {
        const auto started = co_await start(std::move(environment));
        if (!started) co_return started.error();
        Result<void> ended;
        auto replying = keep_result(read_reply(), ended);
        auto feeding = write_body();
        auto logging = read_stderr();
        auto watching = watch_exit();
        auto outer = first_of(std::move(feeding), std::move(logging));
        auto inner = first_of(std::move(replying), std::move(watching));
        co_await async::race(std::move(inner), std::move(outer));
        if (body_fault_) co_return *body_fault_;
        co_return ended;
    }

    static Task<void> first_of(Task<void> first, Task<void> second) {
        co_await async::race(std::move(first), std::move(second));
    }

    static Task<void> keep_result(Task<Result<void>> work, Result<void>& into) { into = co_await std::move(work); }

    Task<Status> start(std::vector<std::string> environment) {
        std::optional<base::Fd> input;
        if (body_ == nullptr) input.emplace(::fcntl(call_.no_input, F_DUPFD_CLOEXEC, 0));
        auto pipes = open_pipes(executor_, std::move(input));
        if (!pipes) co_return pipes.error();
        pipes_ = std::move(*pipes);
        shim::ExecRequest request;
        request.env = std::move(environment);
        request.sweep = true;
        request.files = static_cast<unsigned>(call_.function.spec.limits.files);
        auto process = co_await call_.channel.exec(std::move(request), std::move(pipes_.in), std::move(pipes_.out),
                                                   std::move(pipes_.err));
        if (!process) {
            auto error = process.error();
            if (error.fault == Fault::too_large) error.pointer = head_too_large;
            co_return error;
        }
        process_ = std::move(*process);
        if (call_.process_started) call_.process_started();
        co_return Status();
    }

    /// Ends only when the body does not come as it should.
    Task<void> write_body() {
        if (body_ != nullptr) {
            Buffer buffer;
            for (;;) {
                const auto got = co_await body_->read(buffer.room());
                if (!got) {
                    body_fault_ = got.error();
                    co_return;
                }
                if (*got == 0) break;
                const auto written = co_await write_all(*pipes_.to_in, buffer.room().first(*got));
                if (!written) break;  // the program does not want the rest
            }
            pipes_.to_in.reset();
        }
        co_await forever();
    }

    Task<void> read_stderr() {
        Buffer buffer;
        for (;;) {
            const auto size = co_await read_some(*pipes_.from_err, buffer.room());
            if (size == 0) break;
            lines_.feed(buffer.room().first(size), call_.clock.now());
        }
        co_await forever();
    }

    /// Notes the exit. What is left behind by a process does not keep its reply open.
    Task<void> watch_exit() {
        auto exit = co_await process_.wait();
        if (exit) {
            outcome_.exit_code = exit->code;
            outcome_.signal = exit->signal;
            outcome_.cpu = exit->user + exit->system;
            outcome_.max_rss = exit->max_rss;
            if (exit->out_of_memory && call_.out_of_memory) call_.out_of_memory();
        }
        exit_.emplace(std::move(exit));
        changed_.notify_all();
        co_await call_.clock.sleep_for(exit_patience);
        abandoned_ = true;
        pipes_.from_out->cancel();
        co_await forever();
    }

    Task<Result<void>> read_reply() {
        Buffer buffer;
        for (;;) {
            const auto step = reply_.next();
            if (!step) co_return step.error();
            switch (*step) {
                case Step::read: {
                    const auto size = co_await read_output(buffer.room());
                    if (size > 0) {
                        reply_.feed(buffer.room().first(size));
                        break;
                    }
                    const auto sound = co_await end_output();
                    if (!sound) co_return sound.error();
                    break;
                }
                case Step::begin: {
                    const auto begun = co_await call_.reply.begin(std::move(reply_.head()));
                    if (!begun) co_return begun.error();
                    break;
                }
                case Step::write: {
                    const auto written = co_await call_.reply.write(reply_.body());
                    if (!written) co_return written.error();
                    break;
                }
                case Step::local_redirect:
                    outcome_.local_redirect = reply_.target();
                    co_return Result<void>();
                case Step::cut:
                    break_off(reply_.why());
                    co_return Result<void>();
                case Step::end:
                    co_await exit_seen_until(call_.clock.now() + exit_patience);
                    co_return Result<void>();
            }
        }
    }

    Task<std::size_t> read_output(std::span<char> into) {
        if (!abandoned_) {
            const auto size = co_await read_some(*pipes_.from_out, into);
            if (size > 0 || !abandoned_) co_return size;
        }
        co_return read_now(*pipes_.from_out, into);
    }

    /// The output has ended: tells the reply, unless the process died of it. Where nothing was printed, the exit is the only news.
    Task<Status> end_output() {
        const auto patience = reply_.open_ended() ? Duration(verdict_patience) : Duration(exit_patience);
        const auto until = reply_.silent() ? call_.deadline : call_.clock.now() + patience;
        co_await exit_seen_until(until);
        reply_.finish();
        if (!exit_) co_return Status();
        if (exit_->has_error()) co_return exit_->error();
        const auto& exit = exit_->value();
        const auto why = how_it_died(exit);
        if (why.empty() || (call_.reply.begun() && !reply_.open_ended())) co_return Status();
        auto error = Error(exit.out_of_memory ? Fault::out_of_memory : Fault::function_failed, why);
        if (exit.code > 0) error.pointer = std::string(exited) + std::to_string(exit.code);
        co_return error;
    }

    /// Empty where the process ended by itself and said all it wanted to.
    std::string how_it_died(const shim::Exit& exit) const {
        if (exit.out_of_memory) {
            return "the function needed more memory than " + base::format_bytes(call_.function.spec.limits.memory) +
                   " (limits.memory)";
        }
        if (exit.code < 0) return "the function was killed by signal " + std::to_string(exit.signal);
        if (exit.code > 0 && reply_.silent()) {
            return "the function exited with status " + std::to_string(exit.code) + " and printed nothing";
        }
        return {};
    }

    Task<void> exit_seen_until(Instant when) {
        if (exit_) co_return;
        auto seen = exit_seen();
        auto timer = call_.clock.sleep_until(when);
        co_await async::race(std::move(seen), std::move(timer));
    }

    Task<void> exit_seen() {
        while (!exit_) co_await changed_.wait();
    }

    Task<void> forever() {
        for (;;) co_await changed_.wait();
    }

    void take_last_words() {
        std::size_t taken = 0;
        Buffer buffer;
        while (pipes_.from_err && taken < last_words) {
            const auto size = read_now(*pipes_.from_err, buffer.room());
            if (size == 0) break;
            taken += size;
            lines_.feed(buffer.room().first(size), call_.clock.now());
        }
        lines_.finish(call_.clock.now());
    }

    void break_off(std::string why) {
        outcome_.reply_incomplete = true;
        outcome_.incomplete_reason = std::move(why);
    }

    Error timed_out() const {
        return {Fault::timed_out, "the function took longer than " +
                                      base::format_duration(call_.function.spec.limits.timeout) + " (limits.timeout)"};
    }

    /// TERM now; KILL when the grace has passed, if whoever called keeps the container for so long.
    void end_in_background() {
        process_.signal_group(SIGTERM);
        const auto until = call_.clock.now() + call_.kill_grace;
        if (call_.afterwards) call_.afterwards(end_process(std::move(process_), std::move(pipes_), call_.clock, until));
    }

    /// Its last words are read over, so that they do not kill it before the grace does.
    static Task<void> end_process(shim::Process process, Pipes pipes, async::Clock& clock, Instant until) {
        auto ending = exit_within(process, clock, until);
        auto listening = read_over(pipes, clock, until);
        co_await async::race(std::move(ending), std::move(listening));
    }

    static Task<void> exit_within(shim::Process& process, async::Clock& clock, Instant until) {
        auto exit = process.wait();
        co_await async::within(clock, until, std::move(exit));
    }

    static Task<void> read_over(Pipes& pipes, async::Clock& clock, Instant until) {
        auto out = read_over(*pipes.from_out);
        auto err = read_over(*pipes.from_err);
        co_await async::both(std::move(out), std::move(err));
        co_await clock.sleep_until(until);
    }

    static Task<void> read_over(PipeEnd& end) {
        Buffer buffer;
        while (co_await read_some(end, buffer.room()) > 0) continue;
    }

    CgiCall& call_;
    function::BodySource* body_;  ///< null = none
    async::Executor executor_;
    Pipes pipes_;
    shim::Process process_;
    CgiReply reply_;
    StderrLines lines_;
    async::Condition changed_;
    std::optional<Result<shim::Exit>> exit_;
    std::optional<Error> body_fault_;
    bool abandoned_ = false;  ///< the process has exited: its output ends where the pipe is empty
    Outcome outcome_;
};

}  // namespace

Task<Result<Outcome>> exchange_cgi(CgiCall call) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto limit = call.function.spec.limits.request_body;
    EnvironmentFacts facts;
    facts.content_length = call.event.content_length;
    facts.deadline = call.clock.wall() +
                     std::chrono::duration_cast<std::chrono::system_clock::duration>(call.deadline - call.clock.now());
    if (facts.content_length.value_or(0) > limit) {
        co_return Error(Fault::too_large,
                        "the request body is longer than " + base::format_bytes(limit) + " (limits.request_body)");
    }
    BodySpool spool(call.spool_dir);
    function::BodySource* body = call.event.has_body() ? &call.body : nullptr;
    if (call.event.chunked) {
        auto filling = spool.fill(call.body, limit);
        const auto filled = co_await async::within(call.clock, call.deadline, std::move(filling));
        if (!filled) co_return filled.error();
        facts.content_length = spool.size();
        body = &spool;
    }
    auto environment = cgi_environment(call.function, call.event, facts);
    if (!environment) co_return environment.error();
    CgiRun run(call, body, executor);
    co_return co_await run.run(std::move(*environment));
}

}  // namespace shallop::contract
