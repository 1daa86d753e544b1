// SPDX-License-Identifier: Apache-2.0
#include <shallop/api/gateway.h>
#include <shallop/async/race.h>

#include <algorithm>
#include <array>

#include "api/problem.h"
#include "api/routing.h"
#include "api/signed_body.h"
#include "api/streams.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr int most_redirects = 10;
constexpr std::size_t most_spare = 64;
constexpr const char* bad_signature_reason = "bad_signature";

Task<void> answer_healthz(http::Exchange& exchange) {
    http::Response head;
    head.fields.push_back({"Content-Type", "text/plain; charset=utf-8"});
    head.fields.push_back({"Cache-Control", "no-store"});
    std::string body = "ok\n";
    head.content_length = body.size();
    co_await exchange.reply(std::move(head), std::move(body));
}

bool asks_health(const http::Request& request) {
    return request.path == "/healthz" && (request.method == "GET" || request.method == "HEAD");
}

Error redirect_loop() { return {Fault::function_failed, "the function redirected locally more than 10 times"}; }

}  // namespace

/// A request on its way; a local redirect makes a new request of it. What is large lies apart: a frame of more than 1,000 bytes is none that
/// Asio keeps for the next request.
struct Gateway::Visit {
    Visit(Gateway& g, http::Exchange& e, Scope s) : gateway(g), exchange(e), scope(s), request_body(e), reply(e) {}
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
        if (event && gateway.spare_.size() < most_spare) gateway.spare_.push_back(std::move(event));
    }

    Gateway& gateway;
    http::Exchange& exchange;
    Scope scope;
    std::unique_ptr<http::Request> request{};  ///< kept where a local redirect may come; else the exchange has it
    bool redirected = false;
    bool later = false;                        ///< the event is to be queued
    function::FunctionPtr function{};          ///< that the last step led to
    std::unique_ptr<function::Event> event{};  ///< of the last step's invocation

    RequestBody request_body;
    NoBody no_body{};
    std::unique_ptr<SignedBody> signed_body{};  ///< where the last step must be signed
    ReplyStream reply;

    function::BodySource& received() { return redirected ? static_cast<function::BodySource&>(no_body) : request_body; }
    function::BodySource& body() { return signed_body ? *signed_body : received(); }
    const http::Request& asked() const { return redirected ? *request : exchange.request(); }
    std::string id() const { return event ? event->id : std::string(); }
};

/// One frame for the common event, which ends with a whole reply.
Task<void> Gateway::serve(http::Exchange& exchange, Scope scope) {
    Visit at(*this, exchange, scope);
    for (int redirects = 0;; ++redirects) {
        std::string allow;
        const auto routed = route(at, allow);
        if (!routed) {
            auto error = routed.error();
            co_await refuse_visit(at, std::move(error), std::move(allow));
            co_return;
        }
        if (at.signed_body) {
            const bool welcome = co_await is_signed(at);
            if (!welcome) co_return;
        }
        if (at.later) {
            co_await accept(at);
            co_return;
        }
        // A client that hangs up cancels the invocation, whichever line it is in, and with it this.
        exchange.cancel_when_gone(true);
        auto outcome = co_await invoker_.invoke(at.function, *at.event, at.body(), at.reply, exchange.task());
        exchange.cancel_when_gone(false);
        const bool plain_end = outcome && exchange.finished() && !outcome->reply_incomplete;
        if (plain_end) co_return;

        auto location = co_await ended(at, std::move(outcome));
        if (!location) co_return;
        const auto redirected = redirect(at, *location, redirects < most_redirects);
        if (!redirected) {
            auto error = redirected.error();
            co_await refuse(exchange, std::move(error), at.id());
            co_return;
        }
    }
}

base::Status Gateway::redirect(Visit& at, const std::string& location, bool allowed) {
    if (!allowed) return redirect_loop();
    auto next = api::redirected(*at.request, location);
    if (!next) return next.error();
    *at.request = std::move(*next);
    at.redirected = true;
    at.event.reset();  // where the new request leads nowhere, no invocation has refused it
    return {};
}

/// Whether the request is signed as its route asks; else the client has its refusal, and nothing has happened.
Task<bool> Gateway::is_signed(Visit& at) {
    auto& from = at.received();
    const auto now = clock_.wall();
    auto taken = co_await at.signed_body->take(at.event->fields, from, now);
    if (taken) {
        at.signed_body->remove_secret(at.event->fields);
        co_return true;
    }
    auto error = taken.error();
    if (error.pointer == bad_signature) metrics_.rejected(bad_signature_reason);
    co_await refuse(at.exchange, std::move(error), "");
    co_return false;
}

/// One of before, whose memory is the next one's, or a new one.
std::unique_ptr<function::Event> Gateway::spare_event() {
    if (spare_.empty()) return std::make_unique<function::Event>();
    auto event = std::move(spare_.back());
    spare_.pop_back();
    return event;
}

/// Finds the function and makes the event. `allow` is for a refusal.
base::Status Gateway::route(Visit& at, std::string& allow) {
    if (refusing_) return Error(Fault::shutting_down, "the server is stopping; try again later");
    if (at.scope == Scope::everything && !at.redirected && !proxies_.empty())
        proxies_.see_through(at.exchange.take_request());
    const auto catalog = registry_.catalog();
    auto found = find_destination(*catalog, at.scope, at.asked(), allow);
    if (!found) return found.error();
    at.function = std::move(found->function);
    const auto& spec = at.function->spec;
    const bool by_queue = !found->by_name && spec.routes.at(found->route).async;
    at.later = !at.redirected && (found->later || by_queue || prefers_async(at.asked().fields));
    at.signed_body.reset();
    if (at.scope == Scope::everything) {  // else an operator asks, with the token
        const auto signature = wanted_signature(*at.function, *found);
        if (!signature) return signature.error();
        if (*signature != nullptr)
            at.signed_body = std::make_unique<SignedBody>(at.function, **signature, open_secret_, signed_bytes_);
    }
    // Only what speaks as a CGI program does can redirect locally; for all else the request is moved, not copied.
    if (spec.contract.kind != function::ContractKind::http && !at.redirected && !at.later) {
        at.request = std::make_unique<http::Request>(at.asked());
    }
    at.event = spare_event();
    const bool keep_authorization = at.scope == Scope::everything;
    if (at.redirected) {
        auto request = *at.request;
        make_event(*at.event, request, std::move(*found), spec.name, keep_authorization);
    } else {
        make_event(*at.event, at.exchange.take_request(), std::move(*found), spec.name, keep_authorization);
    }
    ids_.write_next(at.event->id);
    at.exchange.set_body_limit(spec.limits.request_body);
    if (at.event->content_length.value_or(0) <= spec.limits.request_body) return {};
    return Error(Fault::too_large,
                 "the body is larger than this function takes (" + base::format_bytes(spec.limits.request_body) + ")");
}

namespace {

/// What is meant for us goes into the order; what is left of the head is the function's.
queue::Order order_of(function::Event&& event, queue::Body&& body) {
    queue::Order order;
    const auto take = [&](std::string_view name) -> std::string {
        const auto* const found = base::find_field(event.fields, name);
        return found == nullptr ? std::string() : *found;
    };
    order.idempotency_key = take("Idempotency-Key");
    order.ordering_key = take("Shallop-Ordering-Key");
    order.callback = take("X-Callback-Url");
    // What asks us for something, or the connection, which is gone when it runs.
    std::erase_if(event.fields, [](const auto& field) {
        constexpr std::array<std::string_view, 6> ours{"Prefer",  "X-Callback-Url", "Shallop-Ordering-Key",
                                                       "Upgrade", "Connection",     "Expect"};
        return std::any_of(ours.begin(), ours.end(), [&](auto name) { return base::same_name(field.name, name); });
    });
    order.body = std::move(body);
    order.event = std::move(event);
    return order;
}

http::Response accepted_head(const queue::Accepted& accepted, std::size_t length) {
    http::Response head;
    head.status = 202;
    head.fields = {{"Content-Type", "application/json"},
                   {"Location", "/v1/invocations/" + accepted.id},
                   {"Preference-Applied", "respond-async"},
                   {"X-Shallop-Invocation-Id", accepted.id},
                   {"Cache-Control", "no-store"}};
    if (accepted.repeated) head.fields.push_back({"Idempotency-Replayed", "true"});
    head.content_length = length;
    return head;
}

}  // namespace

/// 202 once the event is on the disk.
Task<void> Gateway::accept(Visit& at) {
    auto body = co_await queue_.read_body(at.body(), at.function->spec.limits.request_body);
    if (!body) {
        auto error = body.error();
        co_await refuse(at.exchange, std::move(error), at.id());
        co_return;
    }
    auto order = order_of(std::move(*at.event), std::move(*body));
    at.event.reset();  // what it was made of is gone: none for the next request
    auto id = order.event.id;
    const auto accepted = co_await queue_.put(std::move(order));
    if (!accepted) {
        auto error = accepted.error();
        metrics_.rejected(error.fault == Fault::overloaded ? "backlog" : "not_queued");
        co_await refuse(at.exchange, std::move(error), std::move(id));
        co_return;
    }
    std::string answer = "{\"id\":\"" + accepted->id + "\",\"status\":\"queued\"}\n";
    auto head = accepted_head(*accepted, answer.size());
    co_await at.exchange.reply(std::move(head), std::move(answer));
}

/// Tells the client of an invocation that has not left it with a whole reply. The local redirect that it ended in, if any.
Task<std::optional<std::string>> Gateway::ended(Visit& at, base::Result<contract::Outcome> outcome) {
    auto& exchange = at.exchange;
    if (!outcome) {
        auto error = outcome.error();
        if (error.fault == Fault::not_found) {
            error.detail =
                "the image " + at.function->spec.image + " of this function is gone; deploy the function again";
        }
        // Where the reply has begun, leaving it unfinished tells the client that it is not whole.
        if (!exchange.begun()) co_await refuse(exchange, std::move(error), at.id());
        co_return std::nullopt;
    }
    if (outcome->local_redirect && !exchange.begun()) co_return std::move(outcome->local_redirect);
    if (exchange.begun() && !outcome->reply_incomplete) co_await exchange.finish();
    co_return std::nullopt;
}

/// The step led to no function, or the event is none that it takes.
Task<void> Gateway::refuse_visit(Visit& at, Error error, std::string allow) {
    if (error.fault == Fault::shutting_down || at.event) {
        metrics_.rejected(at.event ? "too_large" : "shutting_down");
        co_await refuse(at.exchange, std::move(error), at.id());
        co_return;
    }
    const bool healthz =
        error.fault == Fault::not_found && at.scope == Scope::everything && !at.redirected && asks_health(at.asked());
    if (healthz) {
        co_await answer_healthz(at.exchange);
    } else {
        co_await refuse_route(at.exchange, std::move(error), std::move(allow));
    }
}

Task<void> Gateway::refuse(http::Exchange& exchange, Error error, std::string id) {
    if (error.fault == Fault::client_gone) co_return;
    if (error.fault == Fault::internal)
        log_.error("invocation failed inside the server", {{"invocation", id}, {"detail", error.detail}});
    auto problem = problem_from(error, Side::gateway);
    problem.invocation_id = std::move(id);
    co_await send_problem(exchange, std::move(problem));
}

/// The request reached no function: its path or its method led nowhere.
Task<void> Gateway::refuse_route(http::Exchange& exchange, Error error, std::string allow) {
    Problem problem;
    if (error.fault == Fault::conflict) {
        metrics_.rejected("method_not_allowed");
        problem = http_problem(405, "this path does not take the method; the Allow field names those it takes");
        problem.allow = std::move(allow);
    } else if (error.fault == Fault::not_found) {
        metrics_.rejected("no_route");
        problem = http_problem(404, error.detail);
    } else {
        metrics_.rejected(error.pointer == bad_signature ? bad_signature_reason : "bad_path");
        problem = problem_from(error, Side::gateway);
    }
    co_await send_problem(exchange, std::move(problem));
}

}  // namespace shallop::api
