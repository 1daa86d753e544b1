// SPDX-License-Identifier: Apache-2.0
#include <shallop/api/gateway.h>
#include <shallop/async/race.h>

#include "api/problem.h"
#include "api/routing.h"
#include "api/streams.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr int most_redirects = 10;

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

/// A request on its way; a local redirect makes a new request of it.
struct Gateway::Visit {
    http::Exchange& exchange;
    Scope scope;
    std::optional<http::Request> request{};  ///< kept where a local redirect may come; else the exchange has it
    bool redirected = false;
    std::string id{};  ///< of the last invocation

    const http::Request& asked() const { return redirected ? *request : exchange.request(); }
};

Task<void> Gateway::serve(http::Exchange& exchange, Scope scope) {
    Visit at{exchange, scope};
    for (int redirects = 0;; ++redirects) {
        auto location = co_await visit(at);
        if (!location) co_return;
        auto next = redirects < most_redirects ? api::redirected(*at.request, *location) : redirect_loop();
        if (!next) {
            auto error = next.error();
            co_await refuse(exchange, std::move(error), at.id);
            co_return;
        }
        at.request = std::move(*next);
        at.redirected = true;
    }
}

/// Routes and runs one step; the local redirect that it ended in, if any.
Task<std::optional<std::string>> Gateway::visit(Visit& at) {
    if (refusing_) {
        metrics_.rejected("shutting_down");
        Error error(Fault::shutting_down, "the server is stopping; try again later");
        co_await refuse(at.exchange, std::move(error), at.id);
        co_return std::nullopt;
    }
    std::string allow;
    auto found = find_destination(*registry_.catalog(), at.scope, at.asked(), allow);
    if (!found) {
        const bool healthz = found.error().fault == Fault::not_found && at.scope == Scope::everything &&
                             !at.redirected && asks_health(at.asked());
        auto error = found.error();
        if (healthz) {
            co_await answer_healthz(at.exchange);
        } else {
            co_await refuse_route(at.exchange, std::move(error), std::move(allow));
        }
        co_return std::nullopt;
    }
    auto function = std::move(found->function);
    // Only a CGI program can redirect locally; for all else the request is moved, not copied.
    if (function->spec.contract.kind == function::ContractKind::cgi && !at.redirected) at.request = at.asked();
    auto request = at.redirected ? *at.request : at.exchange.take_request();
    auto event = event_from(std::move(request), std::move(*found), function->spec.name, at.scope == Scope::everything);
    event.id = at.id = ids_.next();
    co_return co_await run(at, std::move(function), std::move(event));
}

Task<std::optional<std::string>> Gateway::run(Visit& at, function::FunctionPtr function, function::Event event) {
    auto& exchange = at.exchange;
    const auto limit = function->spec.limits.request_body;
    exchange.set_body_limit(limit);
    if (event.content_length.value_or(0) > limit) {
        metrics_.rejected("too_large");
        Error error(Fault::too_large,
                    "the body is larger than this function takes (" + base::format_bytes(limit) + ")");
        co_await refuse(exchange, std::move(error), at.id);
        co_return std::nullopt;
    }
    RequestBody request_body(exchange);
    NoBody no_body;
    auto& body = at.redirected ? static_cast<function::BodySource&>(no_body) : request_body;
    ReplyStream reply(exchange);

    // A client that hangs up cancels the invocation, whichever line it is in, and with it this.
    exchange.cancel_when_gone(true);
    auto ended = co_await invoker_.invoke(function, std::move(event), body, reply, exchange.task());
    exchange.cancel_when_gone(false);

    if (!ended) {
        auto error = ended.error();
        if (error.fault == Fault::not_found) {
            error.detail = "the image " + function->spec.image + " of this function is gone; deploy the function again";
        }
        // Where the reply has begun, leaving it unfinished tells the client that it is not whole.
        if (!exchange.begun()) co_await refuse(exchange, std::move(error), at.id);
        co_return std::nullopt;
    }
    if (ended->local_redirect && !exchange.begun()) co_return std::move(ended->local_redirect);
    if (exchange.begun() && !ended->reply_incomplete) co_await exchange.finish();
    co_return std::nullopt;
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
        metrics_.rejected("bad_path");
        problem = problem_from(error, Side::gateway);
    }
    co_await send_problem(exchange, std::move(problem));
}

}  // namespace shallop::api
