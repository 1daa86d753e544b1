// SPDX-License-Identifier: Apache-2.0
#include "contract/image_server.h"

#include "contract/pipes.h"
#include "contract/stderr_lines.h"

#include <shallop/async/condition.h>
#include <shallop/async/race.h>
#include <shallop/function/resource.h>

#include <unistd.h>
#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t words_kept = 2048;         // bytes of the last lines
constexpr std::size_t read_at_once = 16 * 1024;  // of output
constexpr std::size_t last_words_read = 256 * 1024;
constexpr auto longest_connect = std::chrono::minutes(10);  // that the shim takes
constexpr auto late_margin = std::chrono::milliseconds(50);
constexpr auto exit_patience = std::chrono::milliseconds(50);
constexpr int most_garbage = 2;
constexpr int most_unanswered = 3;  // a server that cannot get a thread or a descriptor closes them all

std::string address_of(const function::Contract& contract) {
    if (!contract.socket.empty()) return "unix:" + contract.socket;
    return "tcp:127.0.0.1:" + std::to_string(contract.port);
}

/// The last lines of a server's output, within words_kept.
class LastLines {
public:
    void add(const std::string& line) {
        lines_.push_back(line.substr(0, words_kept));
        size_ += lines_.back().size() + 1;
        while (size_ > words_kept && lines_.size() > 1) {
            size_ -= lines_.front().size() + 1;
            lines_.pop_front();
        }
    }

    std::string text() const {
        std::string text;
        for (const auto& line : lines_) text.append(text.empty() ? "" : "\n").append(line);
        return text;
    }

private:
    std::deque<std::string> lines_;
    std::size_t size_ = 0;
};

}  // namespace

/// What the tasks around one process share. They may be unwound after the ImageServer is gone: then it is `abandoned`, and
/// nothing of the Surroundings is there any more.
struct ImageServer::Running {
    Running(Surroundings& a)
        : around(a),
          changed(a.executor),
          out_lines(a.function->spec.limits.log_rate, a.clock.now(),
                    [this](std::string line) { tell(std::move(line)); }),
          err_lines(a.function->spec.limits.log_rate, a.clock.now(),
                    [this](std::string line) { tell(std::move(line)); }) {}

    void tell(std::string line) {
        last.add(line);
        if (around.output) around.output(std::move(line));
    }

    enum class Read { some, nothing, end };

    /// Reads what is there. The buffer is on the stack: an idle server costs none.
    Read read_over(bool to_stderr) {
        auto& end = to_stderr ? pipes.from_err : pipes.from_out;
        std::array<char, read_at_once> buffer;
        const auto got = ::read(end->native_handle(), buffer.data(), buffer.size());
        if (got < 0) return errno == EAGAIN || errno == EINTR ? Read::nothing : Read::end;
        const std::span<const char> bytes(buffer.data(), static_cast<std::size_t>(got));
        (to_stderr ? err_lines : out_lines).feed(bytes, around.clock.now());
        return bytes.empty() ? Read::end : Read::some;
    }

    /// What has been written by now, and not without end.
    void take_last_words() {
        for (const bool to_stderr : {false, true}) {
            for (std::size_t taken = 0; taken < last_words_read; taken += read_at_once) {
                if (read_over(to_stderr) != Read::some) break;
            }
            (to_stderr ? err_lines : out_lines).finish(around.clock.now());
        }
    }

    std::string how_ended() const {
        if (exit->has_error()) return exit->error().detail;
        const auto& how = exit->value();
        if (how.out_of_memory) {
            return "the function's server needed more memory than " +
                   base::format_bytes(around.function->spec.limits.memory) + " (limits.memory)";
        }
        return how.code < 0 ? "the function's server was killed by signal " + std::to_string(how.signal)
                            : "the function's server exited with status " + std::to_string(how.code);
    }

    Surroundings& around;
    bool abandoned = false;
    Pipes pipes;
    shim::Process process;
    std::optional<Result<shim::Exit>> exit;
    async::Condition changed;
    LastLines last;
    StderrLines out_lines, err_lines;
};

ImageServer::ImageServer(Surroundings& around)
    : around_(around),
      address_(address_of(around.function->spec.contract)),
      running_(std::make_shared<Running>(around)),
      tasks_(around.executor, around.log) {}

ImageServer::~ImageServer() { running_->abandoned = true; }

Task<Status> ImageServer::start() {
    const auto running = running_;
    auto pipes = open_pipes(around_.executor, empty_input());
    if (!pipes) co_return pipes.error();
    running->pipes = std::move(*pipes);
    shim::ExecRequest request;
    const auto& spec = around_.function->spec;
    if (spec.contract.port > 0) request.env.push_back("PORT=" + std::to_string(spec.contract.port));
    if (spec.source) {
        request.env.push_back(std::string("SHALLOP_SOCKET=") + function::runtime_socket);
        request.env.push_back(std::string("SHALLOP_CODE=") + function::code_directory);
    }
    request.files = static_cast<unsigned>(spec.limits.files);
    auto& ends = running->pipes;
    auto process =
        co_await around_.channel.exec(std::move(request), std::move(ends.in), std::move(ends.out), std::move(ends.err));
    if (!process) co_return process.error();
    running->process = std::move(*process);
    tasks_.spawn("exit of a server", watch(running));
    tasks_.spawn("stdout of a server", listen(running, false));
    tasks_.spawn("stderr of a server", listen(running, true));
    co_return Status();
}

Task<void> ImageServer::watch(std::shared_ptr<Running> running) {
    auto exit = co_await running->process.wait();
    if (running->abandoned) co_return;
    running->take_last_words();
    running->exit.emplace(std::move(exit));
    running->changed.notify_all();
    running->around.channel.close(running->how_ended());
}

Task<void> ImageServer::listen(std::shared_ptr<Running> running, bool to_stderr) {
    auto& end = to_stderr ? running->pipes.from_err : running->pipes.from_out;
    for (;;) {
        boost::system::error_code failed;
        auto token = boost::asio::redirect_error(async::use_task, failed);
        co_await end->async_wait(PipeEnd::wait_read, token);
        if (failed || running->abandoned) co_return;
        if (running->read_over(to_stderr) == Running::Read::end) co_return;
    }
}

Task<Result<base::Fd>> ImageServer::listening(Instant deadline) {
    const auto left = std::min<async::Duration>(deadline - around_.clock.now(), longest_connect);
    std::optional<Result<base::Fd>> socket;
    auto connecting = async::store_result(around_.channel.connect(address_, left, true), socket);
    auto ending = until_ended();
    co_await async::race(std::move(connecting), std::move(ending));
    if (!socket || (!*socket && ended())) {
        co_await until_ended();
        co_return death("before it listened on " + address_);
    }
    // At the end of its time the shim says what the last try came to.
    const bool late = around_.clock.now() + late_margin >= deadline;
    if (!*socket && (late || socket->error().fault == Fault::timed_out))
        co_return never_ready("the function's server does not listen on " + address_);
    co_return std::move(*socket);
}

Task<Result<base::Fd>> ImageServer::connect(Instant deadline) {
    const auto left =
        std::clamp<async::Duration>(deadline - around_.clock.now(), std::chrono::milliseconds(1), longest_connect);
    auto socket = co_await around_.channel.connect(address_, left);
    // A server that listens no more is of no use to the next event either.
    refused_ = refused_ || (!socket && socket.error().fault == Fault::function_failed);
    co_return socket;
}

Error ImageServer::never_ready(std::string detail) const {
    Error error(Fault::start_timeout, std::move(detail), "start");
    if (const auto words = last_words(); !words.empty()) error.log = error.detail + "; its last output:\n" + words;
    return error;
}

Task<void> ImageServer::explain(Trouble trouble, Result<Outcome>& outcome) {
    timed_out_ = timed_out_ || trouble == Trouble::late;
    if (trouble == Trouble::garbage) ++garbage_;
    if (trouble != Trouble::closed) co_return;
    if (!outcome) ++unanswered_;
    co_await until_ended(around_.clock.now() + exit_patience);
    if (!ended()) co_return;
    auto died = death("while it answered");
    if (outcome) {
        outcome->incomplete_reason = std::move(died.detail);
    } else {
        outcome = std::move(died);
    }
}

bool ImageServer::sound() const {
    const bool answers = !timed_out_ && !refused_ && garbage_ < most_garbage && unanswered_ < most_unanswered;
    return answers && !ended() && around_.channel.is_open();
}

bool ImageServer::ended() const { return running_->exit.has_value(); }

Task<void> ImageServer::until_ended() {
    const auto running = running_;
    while (!running->exit) co_await running->changed.wait();
}

Task<void> ImageServer::until_ended(Instant when) {
    if (ended()) co_return;
    auto ending = until_ended();
    auto timer = around_.clock.sleep_until(when);
    co_await async::race(std::move(ending), std::move(timer));
}

Error ImageServer::death(const std::string& before) const {
    const auto& exit = *running_->exit;
    const bool out_of_memory = exit.has_value() && exit->out_of_memory;
    Error error(out_of_memory ? Fault::out_of_memory : Fault::function_failed, running_->how_ended() + " " + before);
    if (const auto words = last_words(); !words.empty()) error.log = error.detail + "; its last output:\n" + words;
    return error;
}

std::string ImageServer::last_words() const { return running_->last.text(); }

}  // namespace shallop::contract
