// SPDX-License-Identifier: Apache-2.0
#include <shallop/api/admin.h>

#include <array>

#include "api/endpoint.h"
#include "api/guard.h"
#include "api/problem.h"
#include "api/routing.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

/// Probes come from health checks by whatever name, and say nothing worth protecting.
bool is_probe(std::string_view path) { return path == "/livez" || path == "/readyz"; }

std::string_view types_of(Takes takes) {
    if (takes == Takes::upload)
        return "application/octet-stream application/x-tar application/gzip application/x-gzip application/zip";
    return takes == Takes::merge_patch ? "application/merge-patch+json application/json" : "application/json";
}

Error body_too_large(base::Bytes limit) {
    return {Fault::too_large, "the document is larger than " + base::format_bytes(limit)};
}

/// The whole body, which is small here.
Task<Result<std::string>> read_body(http::Exchange& exchange, base::Bytes limit) {
    exchange.set_body_limit(limit);
    if (exchange.request().content_length.value_or(0) > limit) co_return body_too_large(limit);
    std::string body;
    std::array<char, 16 * 1024> piece{};
    for (;;) {
        auto read = co_await exchange.read(piece);
        if (!read && read.error().fault == Fault::too_large) co_return body_too_large(limit);
        if (!read) co_return read.error();
        if (*read == 0) co_return body;
        body.append(piece.data(), *read);
    }
}

/// Everything that can be said from the head alone; the endpoint, if nothing speaks against it.
std::optional<Problem> check_head(const http::Request& request, const AdminSettings& settings,
                                  const Result<const Endpoint*>& endpoint, const std::string& allow) {
    const bool open = endpoint && (*endpoint)->access == Access::anyone;
    if (!is_probe(request.path)) {
        if (auto refused = check_origin(request, settings.hosts)) return refused;
    }
    if (!open) {
        if (auto refused = check_token(request, settings.token)) return refused;
    }
    if (is_function_path(request.path)) return std::nullopt;
    if (!endpoint) {
        auto problem = http_problem(allow.empty() ? 404 : 405, endpoint.error().detail);
        problem.allow = allow;
        return problem;
    }
    const auto takes = (*endpoint)->takes;
    return check_content_type(request, types_of(takes), takes != Takes::nothing);
}

Task<void> send(http::Exchange& exchange, Result<Answer> answer) {
    if (!answer) {
        if (answer.error().fault == Fault::client_gone) co_return;
        auto problem = problem_from(answer.error(), Side::admin);
        co_await send_problem(exchange, std::move(problem));
        co_return;
    }
    if (answer->sent) co_return;
    http::Response head;
    head.status = answer->status;
    head.fields = std::move(answer->fields);
    if (head.status != 204 && head.status != 304) {
        head.fields.push_back({"Content-Type", std::move(answer->type)});
        head.content_length = answer->body.size();
    }
    head.fields.push_back({"Cache-Control", "no-store"});
    head.fields.push_back({"X-Content-Type-Options", "nosniff"});
    co_await exchange.reply(std::move(head), std::move(answer->body));
}

}  // namespace

Task<void> Admin::handle(http::Exchange& exchange) {
    const auto& request = exchange.request();
    std::vector<std::string> words;
    std::string allow;
    const auto endpoint = find_endpoint(request.method, request.path, words, allow);
    if (auto refused = check_head(request, settings_, endpoint, allow)) {
        co_await send_problem(exchange, std::move(*refused));
        co_return;
    }
    if (!endpoint) {  // and nothing against it: a function
        co_await parts_.gateway.handle_function_path(exchange);
        co_return;
    }
    auto query = Query::parse(request.query, (*endpoint)->query);
    if (!query) {
        co_await send(exchange, query.error());
        co_return;
    }
    Result<std::string> body = std::string();
    if ((*endpoint)->takes != Takes::upload) body = co_await read_body(exchange, settings_.document);
    if (!body) {
        co_await send(exchange, body.error());
        co_return;
    }
    Call call{facts_, parts_, exchange, std::move(words), std::move(*query), std::move(*body)};
    auto answer = co_await (*endpoint)->answer(call);
    co_await send(exchange, std::move(answer));
}

}  // namespace shallop::api
