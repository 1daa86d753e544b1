// SPDX-License-Identifier: Apache-2.0
#include "api/problem.h"

#include <shallop/http/problem.h>
#include <shallop/registry/registry.h>

#include "api/signed_body.h"
#include "api/streams.h"

namespace shallop::api {
namespace {

using base::Fault;

struct Row {
    int status;
    int retry_after = 0;
};

/// What an error means to the client of an invocation.
Row gateway_row(const base::Error& error) {
    switch (error.fault) {
        case Fault::invalid:
            return {error.pointer == bad_signature ? 401 : error.pointer == "idempotency" ? 422 : 400};
        case Fault::not_found:
            return {503};  // the function was found; its image is gone
        case Fault::conflict:
            return {502};  // stopped by an operator
        case Fault::too_large:
            return {error.pointer == "head" ? 431 : 413};
        case Fault::overloaded:
            if (error.pointer == "backlog of all") return {507, 5};
            return {error.pointer == "waited" ? 503 : 429, 1};
        case Fault::timed_out:
            return {error.pointer == slow_body ? 408 : 504};
        case Fault::start_timeout:
            return {504};
        case Fault::launch_failed:
        case Fault::function_failed:
        case Fault::out_of_memory:
        case Fault::engine_refused:
            return {502};
        case Fault::engine_down:
            return {503, 2};
        case Fault::shutting_down:
            return {503, 5};
        case Fault::storage:
            return {507};
        case Fault::client_gone:
        case Fault::internal:
            return {500};
    }
    return {500};
}

/// What it means to an operator: the same, but for what is not about an invocation.
Row admin_row(const base::Error& error) {
    switch (error.fault) {
        case Fault::not_found:
            return {404};
        case Fault::conflict:
            return {error.pointer == registry::precondition_failed ? 412 : 409};
        default:
            return gateway_row(error);
    }
}

/// Clients of functions learn nothing of the engine, the disk or our bugs.
std::string text_for_client(const base::Error& error) {
    switch (error.fault) {
        case Fault::engine_down:
            return "the container engine does not answer now; try again later";
        case Fault::engine_refused:
            return "the container engine refused to run this function";
        case Fault::launch_failed:
            return "the function could not be started; its log has the reason";
        case Fault::start_timeout:
            return "the function was not ready in time; its log has the reason";
        case Fault::storage:
            return "the server cannot write to its disk";
        case Fault::internal:
            return "the server failed; its log has the reason";
        default:
            return error.detail;
    }
}

std::string_view word_for(int status) {
    switch (status) {
        case 400:
            return "invalid";
        case 401:
            return "unauthorized";
        case 403:
            return "forbidden";
        case 404:
            return "not_found";
        case 405:
            return "method_not_allowed";
        case 409:
            return "conflict";
        case 412:
            return "precondition_failed";
        case 413:
            return "too_large";
        case 415:
            return "unsupported_media_type";
        case 429:
            return "rate_limited";
        case 501:
            return "not_implemented";
        case 503:
            return "not_ready";
        default:
            return "internal";
    }
}

}  // namespace

Problem problem_from(const base::Error& error, Side side) {
    const auto row = side == Side::gateway ? gateway_row(error) : admin_row(error);
    Problem problem;
    problem.status = row.status;
    problem.retry_after = row.retry_after;
    problem.fault = row.status == 412 ? word_for(412) : base::name(error.fault);
    if (row.status == 401) problem.fault = "bad_signature";
    problem.detail = side == Side::gateway ? text_for_client(error) : error.detail;
    if (error.pointer.starts_with('/')) problem.pointer = error.pointer;
    return problem;
}

Problem http_problem(int status, std::string detail) {
    Problem problem;
    problem.status = status;
    problem.fault = word_for(status);
    problem.detail = std::move(detail);
    return problem;
}

http::Response write_problem(const Problem& problem, std::string& body) {
    http::Problem document;
    document.status = problem.status;
    document.detail = problem.detail;
    document.members.emplace_back("fault", problem.fault);
    if (!problem.pointer.empty()) document.members.emplace_back("pointer", problem.pointer);
    if (!problem.invocation_id.empty()) document.members.emplace_back("invocation_id", problem.invocation_id);
    auto head = http::problem(document, body);
    head.fields.push_back({"Cache-Control", "no-store"});
    if (!problem.invocation_id.empty()) head.fields.push_back({"X-Shallop-Invocation-Id", problem.invocation_id});
    if (!problem.allow.empty()) head.fields.push_back({"Allow", problem.allow});
    if (problem.retry_after > 0) head.fields.push_back({"Retry-After", std::to_string(problem.retry_after)});
    const char* const scheme = problem.fault == "bad_signature" ? "Signature" : "Bearer";
    if (problem.status == 401 || !problem.challenge.empty()) {
        const auto more = problem.challenge.empty() ? "" : ", " + problem.challenge;
        head.fields.push_back({"WWW-Authenticate", std::string(scheme) + " realm=\"shallop\"" + more});
    }
    // What is left of the body is not worth reading, or cannot be told from the next request.
    head.close = problem.status == 413 || problem.status == 408;
    return head;
}

async::Task<void> send_problem(http::Exchange& exchange, Problem problem) {
    std::string body;
    auto head = write_problem(problem, body);
    // A client that is gone needs no answer.
    co_await exchange.reply(std::move(head), std::move(body));
}

}  // namespace shallop::api
