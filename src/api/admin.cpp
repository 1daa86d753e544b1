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

/// The scope that a path without an endpoint needs: a function's, or whatever a token may have, so that only those who have one learn which paths
/// there are.
access::Scope scope_beside(std::string_view path) {
    return is_function_path(path) ? access::Scope::invoke : access::Scope::metrics;
}

/// Everything that can be said of the rest of the head.
std::optional<Problem> check_call(const http::Request& request, const Result<const Endpoint*>& endpoint,
                                  const std::string& allow) {
    if (is_function_path(request.path)) return std::nullopt;
    if (!endpoint) {
        auto problem = http_problem(allow.empty() ? 404 : 405, endpoint.error().detail);
        problem.allow = allow;
        return problem;
    }
    const auto takes = (*endpoint)->takes;
    return check_content_type(request, types_of(takes), takes != Takes::nothing);
}

access::AuditEntry entry_of(const http::Request& request, const access::Caller& caller) {
    access::AuditEntry entry;
    entry.who = caller.name;
    entry.from = request.remote_addr.empty() ? "unix" : request.remote_addr;
    entry.method = request.method;
    entry.path = request.path;
    return entry;
}

access::AuditEntry refusal_of(const http::Request& request, const access::Caller& caller, const Problem& problem) {
    auto entry = entry_of(request, caller);
    entry.event = "refused";
    entry.status = problem.status;
    entry.fault = problem.fault;
    return entry;
}

void conclude(access::AuditEntry& entry, const Result<Answer>& answer) {
    if (!answer) {
        entry.fault = base::name(answer.error().fault);
        const bool gone = answer.error().fault == Fault::client_gone;  // nobody was answered
        entry.status = gone ? 0 : problem_from(answer.error(), Side::admin).status;
        return;
    }
    entry.status = answer->status;
    if (const auto* result = base::find_field(answer->fields, "Location")) entry.result = *result;
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

/// Reads what the call carries and has its endpoint answer it.
Task<Result<Answer>> answer_of(const Endpoint& endpoint, Call& call, base::Bytes largest) {
    auto query = Query::parse(call.request().query, endpoint.query);
    if (!query) co_return query.error();
    call.query = std::move(*query);
    if (endpoint.takes != Takes::upload) {
        auto body = co_await read_body(call.exchange, largest);
        if (!body) co_return body.error();
        call.body = std::move(*body);
    }
    co_return co_await endpoint.answer(call);
}

/// The same for a call that changes something: it stands in the audit log, whatever becomes of it.
Task<Result<Answer>> audited(const Endpoint& endpoint, Call& call, base::Bytes largest) {
    auto entry = entry_of(call.request(), call.caller);
    entry.event = "change";
    if (endpoint.pattern.starts_with("/v1/functions/{name}")) entry.function = call.words.at(0);
    Result<Answer> answer = Answer();
    try {
        answer = co_await answer_of(endpoint, call, largest);
    } catch (...) {
        entry.fault = "interrupted";  // by the daemon's end, or by a bug: it may have been done
        call.parts.audit.note(entry);
        throw;
    }
    if (entry.function.empty()) entry.function = call.query.text("function");
    conclude(entry, answer);
    call.parts.audit.note(entry);
    co_return answer;
}

}  // namespace

Admin::Admin(AdminSettings settings, DaemonFacts facts, Parts parts)
    : settings_(std::move(settings)), facts_(std::move(facts)), parts_(std::move(parts)), failures_(parts_.clock) {
    settings_.hosts = host_names(settings_.hosts);
}

Task<void> Admin::handle(http::Exchange& exchange) {
    const auto& request = exchange.request();
    std::vector<std::string> words;
    std::string allow;
    access::Caller caller;
    const auto endpoint = find_endpoint(request.method, request.path, words, allow);
    const auto needed = endpoint ? scope_of((*endpoint)->access) : scope_beside(request.path);
    std::optional<Problem> refused;
    if (!is_probe(request.path)) refused = check_origin(request, settings_.hosts, !parts_.tokens.open());
    if (!refused && needed) refused = check_token(request, *needed, parts_.tokens, failures_, caller);
    if (refused) {
        parts_.metrics.rejected(refused->fault.c_str());
        parts_.audit.note(refusal_of(request, caller, *refused));
    } else {
        refused = check_call(request, endpoint, allow);
    }
    if (refused) {
        co_await send_problem(exchange, std::move(*refused));
        co_return;
    }
    if (!endpoint) {  // and nothing against it: a function
        co_await parts_.gateway.handle_function_path(exchange);
        co_return;
    }
    Call call{facts_, parts_, exchange, caller, std::move(words), {}, {}};
    const bool reads = (*endpoint)->method == "GET";
    Result<Answer> answer = Answer();
    if (reads) {
        answer = co_await answer_of(**endpoint, call, settings_.document);
    } else {
        answer = co_await audited(**endpoint, call, settings_.document);
    }
    co_await send(exchange, std::move(answer));
}

}  // namespace shallop::api
