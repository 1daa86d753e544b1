// SPDX-License-Identifier: Apache-2.0
#include "api/problem.h"

#include <shallop/registry/registry.h>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "api/streams.h"

using namespace shallop;
using api::Side;
using base::Error;
using base::Fault;

namespace {

int status(Fault fault, Side side, std::string pointer = "") {
    return api::problem_from(Error(fault, "detail", std::move(pointer)), side).status;
}

const std::string* field(const http::Response& head, std::string_view name) {
    return base::find_field(head.fields, name);
}

}  // namespace

TEST_CASE("each fault of an invocation has its status", "[api]") {
    const std::pair<Fault, int> table[] = {
        {Fault::invalid, 400},       {Fault::too_large, 413},      {Fault::overloaded, 429},
        {Fault::timed_out, 504},     {Fault::launch_failed, 502},  {Fault::function_failed, 502},
        {Fault::out_of_memory, 502}, {Fault::engine_down, 503},    {Fault::shutting_down, 503},
        {Fault::storage, 507},       {Fault::engine_refused, 502}, {Fault::internal, 500},
        {Fault::not_found, 503},     {Fault::conflict, 502},       {Fault::start_timeout, 504},
    };
    for (const auto& [fault, expected] : table) {
        INFO(base::name(fault));
        CHECK(status(fault, Side::gateway) == expected);
    }
}

TEST_CASE("to an operator not_found and conflict mean what they say", "[api]") {
    CHECK(status(Fault::not_found, Side::admin) == 404);
    CHECK(status(Fault::conflict, Side::admin) == 409);
    CHECK(status(Fault::invalid, Side::admin, "/limits") == 400);
}

TEST_CASE("a failed precondition is 412 and not 409", "[api]") {
    const auto problem = api::problem_from(Error(Fault::conflict, "stale", registry::precondition_failed), Side::admin);
    CHECK(problem.status == 412);
    CHECK(problem.fault == "precondition_failed");
    CHECK(problem.pointer.empty());
}

TEST_CASE("a head too large for the program is 431", "[api]") {
    CHECK(status(Fault::too_large, Side::gateway, "head") == 431);
}

TEST_CASE("a client too slow is told so, a function too slow is a gateway timeout", "[api]") {
    CHECK(status(Fault::timed_out, Side::gateway, api::slow_body) == 408);
    CHECK(status(Fault::timed_out, Side::gateway) == 504);
}

TEST_CASE("having waited in vain is 503 and a full queue 429, both with Retry-After", "[api]") {
    const auto full = api::problem_from(Error(Fault::overloaded, "full"), Side::gateway);
    const auto waited = api::problem_from(Error(Fault::overloaded, "waited", "waited"), Side::gateway);
    CHECK(full.status == 429);
    CHECK(waited.status == 503);
    CHECK(full.retry_after > 0);
    CHECK(waited.retry_after > 0);
}

TEST_CASE("every 503 that time can heal says when to try again", "[api]") {
    for (const auto fault : {Fault::engine_down, Fault::shutting_down, Fault::overloaded}) {
        INFO(base::name(fault));
        CHECK(api::problem_from(Error(fault, ""), Side::gateway).retry_after > 0);
    }
}

TEST_CASE("a client of a function learns nothing of the engine or the disk", "[api]") {
    for (const auto fault : {Fault::engine_down, Fault::engine_refused, Fault::launch_failed, Fault::start_timeout,
                             Fault::storage, Fault::internal}) {
        INFO(base::name(fault));
        const Error error(fault, "unix:///secret/path refused");
        CHECK(api::problem_from(error, Side::gateway).detail.find("secret") == std::string::npos);
        CHECK(api::problem_from(error, Side::admin).detail.find("secret") != std::string::npos);
    }
}

TEST_CASE("the operator's log text is in no answer", "[api]") {
    Error error(Fault::launch_failed, "the command does not start");
    error.log = "the engine's words";
    std::string body;
    api::write_problem(api::problem_from(error, Side::admin), body);
    CHECK(body.find("engine's words") == std::string::npos);
}

TEST_CASE("a problem document has the members of RFC 9457 and ours", "[api]") {
    auto problem = api::problem_from(Error(Fault::invalid, "a \"bad\"\n\xff value", "/limits/memory"), Side::admin);
    problem.invocation_id = "01abc";
    std::string body;
    const auto head = api::write_problem(problem, body);
    const auto document = nlohmann::json::parse(body);
    CHECK(document.at("type") == "about:blank");
    CHECK(document.at("title") == "Bad Request");
    CHECK(document.at("status") == 400);
    CHECK(document.at("fault") == "invalid");
    CHECK(document.at("pointer") == "/limits/memory");
    CHECK(document.at("invocation_id") == "01abc");
    REQUIRE(field(head, "Content-Type"));
    CHECK(*field(head, "Content-Type") == "application/problem+json");
    REQUIRE(field(head, "X-Shallop-Invocation-Id"));
    CHECK(*field(head, "X-Shallop-Invocation-Id") == "01abc");
}

TEST_CASE("a 401 names the scheme, a 405 the methods, a 413 closes", "[api]") {
    std::string body;
    REQUIRE(field(api::write_problem(api::http_problem(401, "token"), body), "WWW-Authenticate"));
    auto method = api::http_problem(405, "method");
    method.allow = "GET, HEAD";
    REQUIRE(field(api::write_problem(method, body), "Allow"));
    CHECK(api::write_problem(api::http_problem(413, "large"), body).close);
    CHECK_FALSE(api::write_problem(method, body).close);
}
