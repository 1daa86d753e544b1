// SPDX-License-Identifier: Apache-2.0
#include "contract/fcgi_driver.h"

#include "contract/body_spool.h"
#include "contract/fcgi_relay.h"
#include "contract/runtime_parameters.h"
#include "contract/specialize.h"

#include <shallop/async/condition.h>
#include <shallop/async/race.h>

#include <list>
#include <optional>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Status;

namespace {

constexpr auto patience = std::chrono::milliseconds(10);  // many times what a new connection costs

/// RFC 9110 9.2.1: what may be run twice.
bool is_safe(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

}  // namespace

/// The events on new connections that have no first byte yet, in the order in which they came. Shared with the task that serves them.
struct FcgiDriver::Line {
    Line(async::Executor executor, std::shared_ptr<IdleUpstreams> connections)
        : idle(std::move(connections)), changed(executor) {}

    bool is_long(Instant now) const { return !since.empty() && now - since.front() >= patience; }

    std::shared_ptr<IdleUpstreams> idle;
    std::list<Instant> since;
    async::Condition changed;
    bool abandoned = false;  ///< the driver is gone
};

/// One event's place in the line, until its first byte.
class FcgiDriver::Waiting {
public:
    explicit Waiting(Line& line) : line_(line) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { end(); }

    void start(Instant now) {
        if (!place_) place_ = line_.since.insert(line_.since.end(), now);
        line_.changed.notify_all();
    }
    void end() {
        if (place_) line_.since.erase(*std::exchange(place_, std::nullopt));
    }

private:
    Line& line_;
    std::optional<std::list<Instant>::iterator> place_;
};

FcgiDriver::FcgiDriver(Surroundings around)
    : around_(std::move(around)),
      buffers_(around_.buffers),
      idle_(std::make_shared<IdleUpstreams>(most_idle(around_.function->spec.scale))),
      line_(std::make_shared<Line>(around_.executor, idle_)),
      server_(around_),
      tasks_(around_.executor, around_.log) {}

FcgiDriver::~FcgiDriver() { line_->abandoned = true; }

/// While somebody waits for long, idle connections are closed one after the other.
Task<void> FcgiDriver::serve(std::shared_ptr<Line> line, async::Clock& clock) {
    while (!line->abandoned) {
        if (line->since.empty()) {
            co_await line->changed.wait();
        } else {
            co_await clock.sleep_for(patience);
            if (line->is_long(clock.now())) line->idle->drop_one();
        }
    }
}

bool FcgiDriver::sound() const { return server_.sound(); }

Task<Status> FcgiDriver::prepare(Instant deadline) {
    const auto started = co_await server_.start();
    if (!started) co_return started;
    auto socket = co_await server_.listening(deadline);
    if (!socket) co_return socket.error();
    LentUpstream first(*idle_, around_);
    first.open(std::move(*socket));
    first.give_back();
    tasks_.spawn("idle connections", keep_trimmed(idle_, buffers_, around_.clock));
    tasks_.spawn("line for workers", serve(line_, around_.clock));
    co_return Status();
}

Task<Result<function::Announced>> FcgiDriver::become(const function::Function& function, Instant deadline) {
    if (!function.spec.source)
        co_return Error(Fault::function_failed, "a function of contract fcgi gets no code: its image brings it");
    around_.function = &function;
    idle_->set_most(most_idle(function.spec.scale));
    becoming_ = true;
    auto announced = co_await specialize(*this, function, deadline);
    becoming_ = false;
    co_return announced;
}

Result<std::vector<std::string>> FcgiDriver::parameters_of(const function::Event& event,
                                                           const EnvironmentFacts& facts) {
    const auto& spec = around_.function->spec;
    if (spec.source) return runtime_parameters(event, spec.contract.script, facts.content_length, traces_);
    return cgi_environment(*around_.function, event, facts);
}

Task<Result<Outcome>> FcgiDriver::exchange(Call& call) {
    const auto limit = around_.function->spec.limits.request_body;
    EnvironmentFacts facts;
    facts.content_length = call.event.content_length;
    facts.deadline = around_.clock.wall() + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                                call.deadline - around_.clock.now());
    if (facts.content_length.value_or(0) > limit && !becoming_) {
        co_return Error(Fault::too_large,
                        "the request body is longer than " + base::format_bytes(limit) + " (limits.request_body)");
    }
    // Responders read as much as CONTENT_LENGTH says, PHP for one.
    BodySpool spool(around_.spool_dir);
    function::BodySource* body = call.event.has_body() ? &call.body : nullptr;
    if (call.event.chunked) {
        call.sent = true;  // it cannot be read again
        auto filling = spool.fill(call.body, limit);
        const auto filled = co_await async::within(around_.clock, call.deadline, std::move(filling));
        if (!filled) co_return filled.error();
        facts.content_length = spool.size();
        body = &spool;
    }
    const auto parameters = parameters_of(call.event, facts);
    if (!parameters) co_return parameters.error();
    co_return co_await run(call, body, *parameters);
}

/// One request, over a connection that has been used before if there is one.
///
/// A worker that has had its number of requests closes its connection; what is sent while it does so is read by nobody. An event that may be run twice
/// is then sent again, once, on a new connection.
Task<Result<Outcome>> FcgiDriver::run(Call& call, function::BodySource* body,
                                      const std::vector<std::string>& parameters) {
    LentUpstream lent(*idle_, around_);
    Waiting waiting(*line_);
    std::optional<Result<Outcome>> before;  ///< what the first try came to
    for (bool reuse = true;;) {
        const bool reused = reuse && lent.take_idle();
        if (!reused) {
            waiting.start(around_.clock.now());
            auto socket = co_await server_.connect(call.deadline);
            if (!socket && before) co_await server_.explain(Trouble::closed, *before);
            if (!socket && before) co_return std::move(*before);
            if (!socket) co_return socket.error();
            lent.open(std::move(*socket));
        }
        const auto answered = [&waiting] { waiting.end(); };
        FcgiRelay relay(lent.upstream(), call, body, around_, *buffers_, answered);
        if (!relay.send_begin(parameters)) {
            if (reused) continue;
            co_return Error(Fault::function_failed, "the function closed the connection before the request was sent");
        }
        co_await relay.pass();
        if (relay.reusable() && !line_->is_long(around_.clock.now())) lent.give_back();
        if (reused && relay.unanswered() && is_safe(call.event.method)) {
            reuse = false;
            before.emplace(relay.result());
            continue;
        }
        auto outcome = relay.result();
        if (relay.trouble() == Trouble::none) server_.note_answer();
        if (relay.trouble() != Trouble::none) co_await server_.explain(relay.trouble(), outcome);
        co_return outcome;
    }
}

}  // namespace shallop::contract
