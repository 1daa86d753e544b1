// SPDX-License-Identifier: Apache-2.0
#include "contract/http_driver.h"

#include <shallop/async/race.h>
#include <algorithm>

#include "contract/specialize.h"

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Status;

namespace {

constexpr auto first_pause = std::chrono::milliseconds(50);  // between two probes
constexpr auto longest_pause = std::chrono::milliseconds(500);

class NoBody final : public function::BodySource {
public:
    Task<Result<std::size_t>> read(std::span<char>) override { co_return std::size_t{0}; }
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

}  // namespace

HttpDriver::HttpDriver(Surroundings around)
    : around_(std::move(around)),
      buffers_(around_.buffers),
      idle_(std::make_shared<IdleUpstreams>(most_idle(around_.function->spec.scale))),
      server_(around_),
      tasks_(around_.executor, around_.log) {}

bool HttpDriver::sound() const { return server_.sound(); }

// ---- until the first event

Task<Status> HttpDriver::prepare(Instant deadline) {
    const auto started = co_await server_.start();
    if (!started) co_return started;
    auto socket = co_await server_.listening(deadline);
    if (!socket) co_return socket.error();
    LentUpstream first(*idle_, around_);
    first.open(std::move(*socket));
    first.give_back();
    tasks_.spawn("idle connections", keep_trimmed(idle_, buffers_, around_.clock));
    if (around_.function->spec.contract.ready_path.empty()) co_return Status();
    co_return co_await ready(deadline);
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
            co_return server_.never_ready("the function's server was not ready in time: GET " + path + " " + last);
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

Task<Result<function::Announced>> HttpDriver::become(const function::Function& function, Instant deadline) {
    around_.function = &function;
    idle_->set_most(most_idle(function.spec.scale));
    return specialize(*this, function, deadline);
}

// ---- events

Task<Result<Outcome>> HttpDriver::exchange(Call& call) { return run(call, true); }

/// One request, over a connection that has been used before if there is one.
Task<Result<Outcome>> HttpDriver::run(Call& call, bool is_event) {
    LentUpstream lent(*idle_, around_);
    for (;;) {
        const bool reused = lent.take_idle();
        if (!reused) {
            auto socket = co_await server_.connect(call.deadline);
            if (!socket) co_return socket.error();
            lent.open(std::move(*socket));
        }
        HttpRelay relay(lent.upstream(), call, around_, *buffers_);
        if (!relay.send_head(traces_)) {
            if (reused) continue;
            co_return Error(Fault::function_failed, "the function closed the connection before the request was sent");
        }
        co_await relay.pass();
        if (relay.reusable()) lent.give_back();
        auto outcome = relay.result();
        if (relay.trouble() == Trouble::none) server_.note_answer();
        if (is_event && relay.trouble() != Trouble::none) co_await server_.explain(relay.trouble(), outcome);
        co_return outcome;
    }
}

}  // namespace shallop::contract
