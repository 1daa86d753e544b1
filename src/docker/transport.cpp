// SPDX-License-Identifier: Apache-2.0
#include "docker/transport.h"

#include "docker/codec_engine.h"

#include <shallop/async/race.h>

namespace shallop::docker {
namespace {

using base::Error;
using base::Fault;

constexpr Bytes error_limit = 64 * 1024;

/// Calls that take as long as a container, a download or the daemon lives.
bool holds(Verb verb) {
    return verb == Verb::wait || verb == Verb::pull || verb == Verb::build || verb == Verb::logs ||
           verb == Verb::events;
}

bool unversioned(Verb verb) { return verb == Verb::ping || verb == Verb::version; }

}  // namespace

Transport::Transport(EngineSettings settings, Host host, async::Executor executor, async::Clock& clock, base::Log& log)
    : settings_(std::move(settings)),
      clock_(clock),
      log_(log),
      handles_(std::move(host), executor, settings_.kept_connections),
      brief_(executor, settings_.calls_in_flight),
      held_(executor, settings_.streams_in_flight),
      negotiating_(executor, 1) {}

Task<Result<std::string>> Transport::call(Verb verb, Request request, Instant deadline) {
    const Instant began = clock_.now();
    auto work = exchange(verb, std::move(request));
    auto body = co_await async::within(clock_, deadline, std::move(work));
    co_return ended(verb, began, std::move(body));
}

base::Error Transport::late(Verb verb) {
    if (verb == Verb::wait) return {Fault::timed_out, "the container still runs at the deadline"};
    Error error(Fault::engine_down, std::string("the engine did not answer ") + name(verb) + " in time");
    // A container can hang by itself; these ask nothing of any container.
    if (unversioned(verb) || verb == Verb::info) lost(error);
    return error;
}

Task<Result<std::string>> Transport::exchange(Verb verb, Request request) {
    auto stream = co_await open(verb, std::move(request));
    if (!stream) co_return stream.error();
    auto body = co_await read_all(verb, *stream->transfer, limit_of(verb));
    co_return body;
}

Task<Result<Stream>> Transport::open(Verb verb, Request request) {
    const std::string path = request.target;
    for (bool again = false;; again = true) {
        if (!unversioned(verb)) {
            auto spoken = co_await api();
            if (!spoken) co_return spoken.error();
            request.target = "/v" + spoken->text() + path;
        }
        auto stream = co_await send(verb, request);
        if (!stream) co_return stream.error();
        const int status = stream->transfer->status();
        if (status < 300 || status == 304) co_return std::move(*stream);

        auto body = co_await read_all(verb, *stream->transfer, error_limit);
        if (!body) co_return body.error();
        auto no = refusal(verb, status, *body);
        // The engine was replaced by an older or newer one: it has done nothing yet.
        if (again || !refuses_api_version(status, no.detail)) co_return no;
        api_.reset();
    }
}

Task<Result<Stream>> Transport::send(Verb verb, Request request) {
    async::Semaphore& places = holds(verb) ? held_ : brief_;
    Stream stream;
    stream.place = co_await places.acquire();
    stream.transfer = std::make_unique<Transfer>(handles_, std::move(request));
    auto head = co_await stream.transfer->head();
    if (!head) {
        lost(head.error());
        co_return head.error();
    }
    found();
    co_return std::move(stream);
}

Task<Result<std::string>> Transport::read_all(Verb verb, Transfer& transfer, Bytes limit) {
    std::string body;
    std::string chunk;
    for (;;) {
        auto more = co_await transfer.read(chunk);
        if (!more) {
            lost(more.error());
            co_return more.error();
        }
        if (!*more) co_return body;
        if (body.size() + chunk.size() > limit) {
            co_return Error(Fault::engine_refused, std::string("the engine's answer to ") + name(verb) +
                                                       " is longer than " + base::format_bytes(limit));
        }
        body += chunk;
    }
}

Task<Result<ApiVersion>> Transport::api() {
    if (api_) co_return *api_;
    const auto turn = co_await negotiating_.acquire();
    if (api_) co_return *api_;  // by the one before us in the line
    auto request = Request{"GET", "/version", "", ""};
    auto body = co_await exchange(Verb::version, std::move(request));
    if (!body) co_return body.error();
    const auto version = decode_version(*body);
    if (!version) co_return nonsense(Verb::version);
    const auto chosen = choose_api_version(*version);
    if (chosen) api_ = *chosen;
    co_return chosen;
}

Bytes Transport::limit_of(Verb verb) const {
    const bool list = verb == Verb::list || verb == Verb::images;
    return list ? settings_.list_limit : settings_.reply_limit;
}

void Transport::lost(const base::Error& why) {
    api_.reset();
    if (std::exchange(away_, true)) return;
    log_.warn("engine lost", {{"host", settings_.host}, {"why", why.detail}});
}

void Transport::found() {
    if (std::exchange(away_, false)) log_.info("engine back", {{"host", settings_.host}});
}

}  // namespace shallop::docker
