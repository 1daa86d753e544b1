// SPDX-License-Identifier: Apache-2.0
#include "api/guard.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;

namespace {

http::Request with(base::Fields fields, std::string host = "127.0.0.1") {
    http::Request request;
    request.host = std::move(host);
    request.fields = std::move(fields);
    return request;
}

int status(const std::optional<api::Problem>& problem) { return problem ? problem->status : 0; }

int from_host(std::string host) { return status(api::check_origin(with({}, std::move(host)), {"shallop.example"})); }

int typed(std::string type, bool needed = true) {
    auto request = with({{"Content-Type", std::move(type)}});
    request.content_length = 2;
    return status(api::check_content_type(request, "application/merge-patch+json application/json", needed));
}

}  // namespace

TEST_CASE("only the whole token opens the API", "[api]") {
    const auto asked = [](std::string value) {
        return status(api::check_token(with({{"Authorization", std::move(value)}}), "s3cret"));
    };
    CHECK(asked("Bearer s3cret") == 0);
    CHECK(asked("bearer   s3cret") == 0);
    for (const auto* value :
         {"", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic s3cret", "Bearer S3CRET"}) {
        INFO(value);
        CHECK(asked(value) == 401);
    }
    CHECK(status(api::check_token(with({}), "s3cret")) == 401);
    CHECK(status(api::check_token(with({}), "")) == 0);
}

TEST_CASE("a refused token is in no answer", "[api]") {
    const auto problem = api::check_token(with({{"Authorization", "Bearer gu3ss"}}), "s3cret");
    REQUIRE(problem);
    CHECK(problem->detail.find("gu3ss") == std::string::npos);
    CHECK(problem->detail.find("s3cret") == std::string::npos);
}

TEST_CASE("a name that a stranger may own is no name of the admin listener", "[api]") {
    for (const auto* host : {"127.0.0.1", "10.0.0.5", "[::1]", "localhost", "shallop", "shallop.example", ""}) {
        INFO(host);
        CHECK(from_host(host) == 0);
    }
    for (const auto* host :
         {"evil.example", "127.0.0.1.evil.example", "localhost.", "shallop.example.evil.org", "[::1].x", "1.2.3"}) {
        INFO(host);
        CHECK(from_host(host) == 403);
    }
}

TEST_CASE("a page of another site is refused", "[api]") {
    const auto asked = [](std::string name, std::string value) {
        return status(api::check_origin(with({{"Host", "127.0.0.1:8081"}, {std::move(name), std::move(value)}}), {}));
    };
    CHECK(asked("Sec-Fetch-Site", "cross-site") == 403);
    CHECK(asked("Sec-Fetch-Site", "same-site") == 403);
    CHECK(asked("Sec-Fetch-Site", "same-origin") == 0);
    CHECK(asked("Sec-Fetch-Site", "none") == 0);
    CHECK(asked("Origin", "http://127.0.0.1:8081") == 0);
    CHECK(asked("Origin", "http://127.0.0.1:8082") == 403);
    CHECK(asked("Origin", "http://evil.example") == 403);
    CHECK(asked("Origin", "null") == 403);
}

TEST_CASE("a page's own origin has our host, and https where we have", "[api]") {
    const auto asked = [](std::string origin, bool tls) {
        auto request = with({{"Host", "127.0.0.1:8081"}, {"Origin", std::move(origin)}});
        request.tls = tls;
        return status(api::check_origin(request, {}));
    };
    CHECK(asked("https://127.0.0.1:8081", true) == 0);
    CHECK(asked("http://127.0.0.1:8081", true) == 403);
    CHECK(asked("https://127.0.0.1:8082", true) == 403);
    CHECK(asked("https://127.0.0.1:8081", false) == 0);  // a proxy takes the TLS off
    CHECK(asked("https://evil.example", false) == 403);
}

TEST_CASE("a document must be said to be JSON", "[api]") {
    CHECK(typed("application/json") == 0);
    CHECK(typed("Application/JSON; charset=utf-8") == 0);
    CHECK(typed("application/merge-patch+json") == 0);
    for (const auto* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"}) {
        INFO(type);
        CHECK(typed(type) == 415);
        CHECK(typed(type, false) == 415);
    }
    CHECK(status(api::check_content_type(with({}), "application/json", false)) == 0);
    CHECK(status(api::check_content_type(with({}), "application/json", true)) == 415);
}

TEST_CASE("If-None-Match is a list of tags, weak or strong, or a star", "[api]") {
    CHECK(api::names_tag("\"a\"", "a"));
    CHECK(api::names_tag("\"x\", W/\"a\" ", "a"));
    CHECK(api::names_tag("*", "a"));
    for (const auto* field : {"", "a", "\"b\"", "\"a", "\"\"", "\"ab\"", ",,"}) {
        INFO(field);
        CHECK_FALSE(api::names_tag(field, "a"));
    }
}
