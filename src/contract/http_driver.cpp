// SPDX-License-Identifier: Apache-2.0
#include "contract/http_driver.h"

#include <shallop/async/race.h>
#include <shallop/function/resource.h>

#include <algorithm>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Status;

namespace {

constexpr auto first_pause = std::chrono::milliseconds(50);  // between two probes
constexpr auto longest_pause = std::chrono::milliseconds(500);
constexpr auto longest_connect = std::chrono::minutes(10);  // that the shim takes
constexpr auto late_margin = std::chrono::milliseconds(50);
constexpr auto exit_patience = std::chrono::milliseconds(50);
constexpr auto idle_time = std::chrono::seconds(30);
constexpr auto close_margin = std::chrono::seconds(1);  // before a server closes what it said it would
constexpr int most_garbage = 2;
constexpr const char* specialize_path = "/.shallop/specialize";

class NoBody final : public function::BodySource {
public:
    Task<Result<std::size_t>> read(std::span<char>) override { co_return std::size_t{0}; }
};

class Text final : public function::BodySource {
public:
    explicit Text(std::string_view text) : left_(text) {}
    Task<Result<std::size_t>> read(std::span<char> into) override {
        const auto size = std::min(into.size(), left_.size());
        std::copy_n(left_.begin(), size, into.begin());
        left_.remove_prefix(size);
        co_return size;
    }

private:
    std::string_view left_;
};

/// Keeps a short answer; more than that is dropped.
class TextSink final : public function::ReplySink {
public:
    Task<Status> begin(function::ReplyHead head) override {
        status = head.status;
        co_return Status();
    }
    Task<Status> write(std::span<const char> bytes) override {
        text.append(bytes.data(), std::min(bytes.size(), most - std::min(most, text.size())));
        co_return Status();
    }
    bool begun() const override { return status != 0; }

    int status = 0;
    std::string text;

private:
    static constexpr std::size_t most = 64 * 1024;
};

/// Wants to know the status and nothing else.
class StatusSink final : public function::ReplySink {
public:
    Task<Status> begin(function::ReplyHead head) override {
        status = head.status;
        co_return Status();
    }
    Task<Status> write(std::span<const char>) override { co_return Status(); }
    bool begun() const override { return status != 0; }

    int status = 0;
};

std::size_t most_idle(const function::Scale& scale) { return static_cast<std::size_t>(std::max(scale.concurrency, 1)); }

}  // namespace

/// One connection while an event has it. Closed unless it is given back: so does a cancelled event end.
class HttpDriver::Use {
public:
    explicit Use(HttpDriver& driver) : driver_(driver) {}

    bool take_idle() {
        upstream_ = driver_.idle_->take(driver_.around_.clock);
        return upstream_ != nullptr;
    }

    void open(base::Fd socket) {
        auto& around = driver_.around_;
        upstream_ = std::make_unique<Upstream>(around.roster, around.executor, around.clock, std::move(socket));
    }

    Upstream& upstream() { return *upstream_; }

    void give_back() {
        const auto now = driver_.around_.clock.now();
        if (const auto seconds = upstream_->parser().idle_seconds())
            upstream_->usable_until = now + std::chrono::seconds(*seconds) - close_margin;
        driver_.idle_->give(std::move(upstream_), now);
    }

private:
    HttpDriver& driver_;
    std::unique_ptr<Upstream> upstream_;
};

HttpDriver::HttpDriver(Surroundings around)
    : around_(std::move(around)),
      buffers_(around_.buffers),
      idle_(std::make_shared<IdleUpstreams>(most_idle(around_.function->spec.scale))),
      server_(around_),
      tasks_(around_.executor, around_.log) {}

bool HttpDriver::sound() const {
    return !timed_out_ && !refused_ && garbage_ < most_garbage && !server_.ended() && around_.channel.is_open();
}

// ---- until the first event

Task<Status> HttpDriver::prepare(Instant deadline) {
    const auto started = co_await server_.start();
    if (!started) co_return started;
    const auto connected = co_await listening(deadline);
    if (!connected) co_return connected;
    tasks_.spawn("idle connections", trim(idle_, buffers_, around_.clock));
    if (around_.function->spec.contract.ready_path.empty()) co_return Status();
    co_return co_await ready(deadline);
}

Error HttpDriver::never_listened(std::string detail) const {
    Error error(Fault::start_timeout, std::move(detail), "start");
    if (const auto words = server_.last_words(); !words.empty())
        error.log = error.detail + "; its last output:\n" + words;
    return error;
}

Task<Status> HttpDriver::listening(Instant deadline) {
    const auto left = std::min<async::Duration>(deadline - around_.clock.now(), longest_connect);
    std::optional<Result<base::Fd>> socket;
    auto connecting = async::store_result(around_.channel.connect(server_.address(), left, true), socket);
    auto ending = server_.until_ended();
    co_await async::race(std::move(connecting), std::move(ending));
    if (!socket || (!*socket && server_.ended())) {
        co_await server_.until_ended();
        co_return server_.death("before it listened on " + server_.address());
    }
    // At the end of its time the shim says what the last try came to.
    const bool late = around_.clock.now() + late_margin >= deadline;
    if (!*socket && (late || socket->error().fault == Fault::timed_out))
        co_return never_listened("the function's server does not listen on " + server_.address());
    if (!*socket) co_return socket->error();
    Use use(*this);
    use.open(std::move(**socket));
    use.give_back();
    co_return Status();
}

/// Asks for the ready_path until it says yes.
Task<Status> HttpDriver::ready(Instant deadline) {
    const auto& path = around_.function->spec.contract.ready_path;
    std::string last = "has not answered";
    for (async::Duration pause = first_pause;; pause = std::min<async::Duration>(pause * 2, longest_pause)) {
        const auto status = co_await probe(deadline);
        if (status && *status < 400) co_return Status();
        if (server_.ended()) co_return server_.death("before it was ready");
        last = status ? "answered " + std::to_string(*status) : "failed: " + status.error().detail;
        if (around_.clock.now() + pause >= deadline)
            co_return never_listened("the function's server was not ready in time: GET " + path + " " + last);
        co_await server_.until_ended(around_.clock.now() + pause);
    }
}

Task<Result<int>> HttpDriver::probe(Instant deadline) {
    function::Event event;
    event.method = "GET";
    event.target = around_.function->spec.contract.ready_path;
    event.fields = {{"Host", "localhost"}};
    event.remote_addr = "127.0.0.1";
    NoBody body;
    StatusSink sink;
    Call call{event, body, sink, deadline};
    const auto outcome = co_await run(call, false);
    if (!outcome) co_return outcome.error();
    co_return sink.status;
}

/// docs/protocol.md, "Writing a runtime".
Task<Status> HttpDriver::become(const function::Function& function, Instant deadline) {
    around_.function = &function;
    idle_->set_most(most_idle(function.spec.scale));
    const auto document = function::format_specialize(function);
    function::Event event;
    event.method = "POST";
    event.target = specialize_path;
    event.fields = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
    event.remote_addr = "127.0.0.1";
    event.content_length = document.size();
    Text body(document);
    TextSink sink;
    Call call{event, body, sink, deadline};
    const auto outcome = co_await run(call, true);
    if (!outcome) co_return outcome.error();
    if (outcome->reply_incomplete || sink.status == 0)
        co_return Error(Fault::function_failed, "the runtime gave no whole answer when it got the code");
    if (sink.status >= 300) co_return function::specialize_error(sink.text);
    co_return Status();
}

// ---- events

Task<Result<Outcome>> HttpDriver::exchange(Call& call) { return run(call, true); }

/// One request, over a connection that has been used before if there is one.
Task<Result<Outcome>> HttpDriver::run(Call& call, bool is_event) {
    Use use(*this);
    for (;;) {
        const bool reused = use.take_idle();
        if (!reused) {
            const auto connected = co_await connect(use, call.deadline);
            if (!connected) co_return connected.error();
        }
        HttpRelay relay(use.upstream(), call, around_, *buffers_);
        if (!relay.send_head(traces_)) {
            if (reused) continue;
            co_return Error(Fault::function_failed, "the function closed the connection before the request was sent");
        }
        co_await relay.pass();
        if (relay.reusable()) use.give_back();
        auto outcome = relay.result();
        if (is_event && relay.trouble() != Trouble::none) co_await explain(relay.trouble(), outcome);
        co_return outcome;
    }
}

Task<Status> HttpDriver::connect(Use& use, Instant deadline) {
    const auto left =
        std::clamp<async::Duration>(deadline - around_.clock.now(), std::chrono::milliseconds(1), longest_connect);
    auto socket = co_await around_.channel.connect(server_.address(), left);
    // A server that listens no more is of no use to the next event either.
    refused_ = refused_ || (!socket && socket.error().fault == Fault::function_failed);
    if (!socket) co_return socket.error();
    use.open(std::move(*socket));
    co_return Status();
}

/// What the instance's state says about a reply that failed.
Task<void> HttpDriver::explain(Trouble trouble, Result<Outcome>& outcome) {
    timed_out_ = timed_out_ || trouble == Trouble::late;
    if (trouble == Trouble::garbage) ++garbage_;
    if (trouble != Trouble::closed) co_return;
    co_await server_.until_ended(around_.clock.now() + exit_patience);
    if (!server_.ended()) co_return;
    auto death = server_.death("while it answered");
    if (outcome) {
        outcome->incomplete_reason = std::move(death.detail);
    } else {
        outcome = std::move(death);
    }
}

/// Connections that nobody has used for a while are closed, and memory is given up.
Task<void> HttpDriver::trim(std::weak_ptr<IdleUpstreams> idle, std::weak_ptr<BodyBuffers> buffers,
                            async::Clock& clock) {
    for (;;) {
        co_await clock.sleep_for(idle_time);
        const auto connections = idle.lock();
        const auto memory = buffers.lock();
        if (!connections || !memory) co_return;
        connections->trim();
        memory->trim();
    }
}

}  // namespace shallop::contract
