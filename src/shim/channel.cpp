// SPDX-License-Identifier: Apache-2.0
#include "codec.h"
#include "line.h"

#include <shallop/shim/channel.h>

#include <utility>

namespace shallop::shim {

using base::Error;
using base::Fault;
using Kind = Conversation::Kind;
using Talk = std::shared_ptr<Conversation>;

namespace {

constexpr auto forever = std::chrono::steady_clock::time_point::max();
constexpr std::uint32_t backlog = 128;
constexpr std::size_t most_usages = 16;  // that have no answer yet
constexpr std::size_t most_files = 128;  // likewise

/// Abandons the conversation unless it is kept: what a cancelled request leaves behind.
class Interest {
public:
    explicit Interest(Talk talk) : talk_(std::move(talk)) {}
    Interest(const Interest&) = delete;
    Interest& operator=(const Interest&) = delete;
    ~Interest() { lose(std::move(talk_)); }

    Talk keep() { return std::exchange(talk_, nullptr); }
    const Talk& get() const { return talk_; }

    static void lose(Talk talk) {
        if (!talk) return;
        if (const auto line = talk->line.lock()) line->abandon(*talk);
    }

private:
    Talk talk_;
};

Error gone(const std::string& why) { return {Fault::function_failed, "the container ended: " + why}; }

const Failed* failure_of(const Conversation& talk) { return std::get_if<Failed>(&*talk.answer); }

}  // namespace

Process& Process::operator=(Process&& other) noexcept {
    if (this == &other) return *this;
    drop();
    conversation_ = std::move(other.conversation_);
    pid_ = other.pid_;
    return *this;
}

Process::~Process() { drop(); }

void Process::drop() { Interest::lose(std::exchange(conversation_, nullptr)); }

Task<Result<Exit>> Process::wait() {
    const auto talk = conversation_;
    if (!talk) co_return Error(Fault::internal, "no process to wait for");
    while (!talk->exit && !talk->ended) co_await talk->wait(forever);
    if (!talk->exit) co_return gone(*talk->ended);
    co_return *talk->exit;
}

void Process::signal(int number) {
    if (!conversation_ || conversation_->ended) return;
    if (const auto line = conversation_->line.lock()) {
        line->send(encode_signal(conversation_->id, wire::Target::process, number));
    }
}

void Process::signal_group(int number) {
    if (!conversation_ || conversation_->ended) return;
    if (const auto line = conversation_->line.lock()) {
        line->send(encode_signal(conversation_->id, wire::Target::group, number));
    }
}

Acceptor& Acceptor::operator=(Acceptor&& other) noexcept {
    if (this == &other) return *this;
    drop();
    conversation_ = std::move(other.conversation_);
    port_ = other.port_;
    return *this;
}

Acceptor::~Acceptor() { drop(); }

void Acceptor::drop() { Interest::lose(std::exchange(conversation_, nullptr)); }

Task<Result<base::Fd>> Acceptor::accept() {
    const auto talk = conversation_;
    if (!talk) co_return Error(Fault::internal, "nothing to accept from");
    while (talk->sockets.empty() && !talk->ended) co_await talk->wait(forever);
    if (talk->sockets.empty()) co_return gone(*talk->ended);
    base::Fd socket = std::move(talk->sockets.front());
    talk->sockets.pop_front();
    co_return socket;
}

Channel::Channel(std::shared_ptr<Line> line) : line_(std::move(line)) {}

Channel::~Channel() { line_->close("the daemon has no more use for it"); }

Task<Result<std::unique_ptr<Channel>>> Channel::greet(base::Fd socket, async::Executor executor, base::Log& log,
                                                      Limits limits) {
    std::unique_ptr<Channel> channel(new Channel(std::make_shared<Line>(std::move(socket), executor, log, limits)));
    const auto line = channel->line_;
    const auto hello = line->begin(Kind::hello);
    line->start();
    const auto said = co_await line->answered(hello, limits.hello_timeout);
    if (!said)
        co_return Error(Fault::launch_failed,
                        "the container's first process did not say hello: " + said.error().detail);
    line->hello = std::get<Hello>(*hello->answer);
    co_return channel;
}

Task<Result<Process>> Channel::exec(ExecRequest request, base::Fd in, base::Fd out, base::Fd err) {
    const auto line = line_;
    base::ensure(in && out && err, "exec with three descriptors");
    if (!is_open()) co_return Error(Fault::launch_failed, "the container has ended: " + line->reason());
    if (line->count(Kind::exec) >= line->hello.max_processes) {
        co_return Error(Fault::overloaded, "as many processes run in the container as its shim takes");
    }
    Interest interest(line->begin(Kind::exec));
    const auto talk = interest.get();
    auto frame = encode_exec(talk->id, request);
    if (!frame) {
        line->forget(*interest.keep());
        co_return frame.error();
    }
    Packet packet{std::move(*frame), {std::move(in), std::move(out), std::move(err)}, {}};
    line->send(std::move(packet));
    const auto answered = co_await line->answered(talk, line->limits().answer_timeout);
    if (!answered) co_return Error(Fault::launch_failed, "the container has ended: " + answered.error().detail);
    if (const auto* failed = failure_of(*talk)) {
        co_return explain(*failed,
                          request.argv.empty() ? std::string_view("the image's command") : request.argv.front());
    }
    co_return Process(interest.keep(), std::get<Started>(*talk->answer).pid);
}

Task<Result<base::Fd>> Channel::connect(std::string address, Duration timeout, bool until_listening) {
    const auto line = line_;
    if (!is_open()) co_return gone(line->reason());
    if (line->count(Kind::connect) >= wire::max_connects)
        co_return Error(Fault::overloaded, "too many connects wait in this container");
    Interest interest(line->begin(Kind::connect));
    const auto talk = interest.get();
    auto frame = encode_connect(talk->id, address, timeout, until_listening);
    if (!frame) {
        line->forget(*interest.keep());
        co_return frame.error();
    }
    line->send(std::move(*frame));
    const Duration limit = timeout + line->limits().answer_timeout;
    const auto answered = co_await line->answered(talk, limit);
    if (!answered) co_return gone(answered.error().detail);
    if (const auto* failed = failure_of(*talk)) co_return explain(*failed, address);
    base::Fd socket = std::move(talk->sockets.front());
    talk->sockets.clear();
    co_return socket;
}

Task<Result<Acceptor>> Channel::listen(std::string address) {
    const auto line = line_;
    if (!is_open()) co_return gone(line->reason());
    Interest interest(line->begin(Kind::listen));
    const auto talk = interest.get();
    auto frame = encode_listen(talk->id, address, backlog);
    if (!frame) {
        line->forget(*interest.keep());
        co_return frame.error();
    }
    line->send(std::move(*frame));
    const auto answered = co_await line->answered(talk, line->limits().answer_timeout);
    if (!answered) co_return gone(answered.error().detail);
    if (const auto* failed = failure_of(*talk)) co_return explain(*failed, address);
    co_return Acceptor(interest.keep(), std::get<Listening>(*talk->answer).port);
}

Task<Result<Duration>> Channel::cpu_used() {
    const auto line = line_;
    if (!is_open()) co_return gone(line->reason());
    if (line->count(Kind::usage) >= most_usages)
        co_return Error(Fault::overloaded, "too many questions for this container's CPU time wait");
    Interest interest(line->begin(Kind::usage));
    const auto talk = interest.get();
    line->send(encode_usage(talk->id));
    const auto answered = co_await line->answered(talk, line->limits().answer_timeout);
    if (!answered) co_return gone(answered.error().detail);
    const auto cpu = std::get<Used>(*talk->answer).cpu;
    if (!cpu) co_return Error(Fault::not_found, "nobody counts the CPU time of this container");
    co_return *cpu;
}

Task<base::Status> Channel::write_file(std::string name, unsigned mode, base::SecretBytes bytes) {
    const auto line = line_;
    if (!is_open()) co_return gone(line->reason());
    if (line->count(Kind::file) >= most_files)
        co_return Error(Fault::overloaded, "too many files wait to be written in this container");
    Interest interest(line->begin(Kind::file));
    const auto talk = interest.get();
    auto frame = encode_file(talk->id, name, mode, bytes.size());
    if (!frame) {
        line->forget(*interest.keep());
        co_return frame.error();
    }
    Packet packet{std::move(*frame), {}, std::move(bytes)};
    line->send(std::move(packet));
    const auto answered = co_await line->answered(talk, line->limits().answer_timeout);
    if (!answered) co_return gone(answered.error().detail);
    if (const auto* failed = failure_of(*talk)) co_return explain(*failed, name);
    co_return base::Status();
}

void Channel::signal_all(int number) { line_->send(encode_signal(0, wire::Target::all, number)); }

bool Channel::is_open() const { return line_->open(); }

Task<void> Channel::closed() {
    const auto line = line_;
    while (line->open()) co_await line->closed().wait();
}

const std::string& Channel::close_reason() const { return line_->reason(); }

void Channel::close(std::string reason) { line_->close(std::move(reason)); }

unsigned Channel::command_words() const { return line_->hello.command_words; }

bool Channel::counts_oom() const { return line_->hello.counts_oom; }

}  // namespace shallop::shim
