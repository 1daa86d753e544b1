// SPDX-License-Identifier: Apache-2.0
#include "api/guard.h"

#include <shallop/http/authority.h>

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

int typed(std::string type, bool needed = true) {
    auto request = with({{"Content-Type", std::move(type)}});
    request.content_length = 2;
    return status(api::check_content_type(request, "application/merge-patch+json application/json", needed));
}

/// What becomes of a Host field, as the connection reads it.
int from_host(const std::string& field, bool neighbours = true) {
    const auto authority = http::parse_authority(field);
    if (!authority) return 400;
    static const auto names = api::host_names({"Shallop.Example.:8081", "[::2]", "no name at all"});
    return status(api::check_origin(with({{"Host", field}}, authority->host), names, neighbours));
}

int from_page(const std::string& name, const std::string& value, const std::string& host = "127.0.0.1:8081") {
    const auto authority = http::parse_authority(host);
    return status(api::check_origin(with({{"Host", host}, {name, value}}, authority->host), {}, true));
}

}  // namespace

TEST_CASE("T5: a name that a stranger may own is no name of the admin listener", "[api]") {
    struct Row {
        const char* host;
        int status;         ///< where a token is asked for
        int without_token;  ///< with --admin-auth none
    };
    constexpr Row rows[]{
        {"127.0.0.1", 0, 0},
        {"127.0.0.1:8081", 0, 0},
        {"10.0.0.5:1", 0, 0},
        {"[::1]:8081", 0, 0},
        {"[2001:DB8::1]", 0, 0},
        {"localhost", 0, 0},
        {"LOCALHOST:8081", 0, 0},
        {"localhost.:8081", 0, 0},
        {"shallop.example", 0, 0},
        {"SHALLOP.example.:9999", 0, 0},
        {"shallop:8081", 0, 403},
        {"shallop.", 0, 403},
        {"evil.example", 403, 403},
        {"evil.example.:8081", 403, 403},
        {"127.0.0.1.evil.example:8081", 403, 403},
        {"localhost.evil.example", 403, 403},
        {"shallop.example.evil.org", 403, 403},
        {"xshallop.example", 403, 403},
        {"1.2.3", 403, 403},
        {"127.0.0.1.", 0, 0},
        {"0x7f.0.0.1", 403, 403},
        {"[::1].x", 400, 400},
        {"::1", 400, 400},
        {"[::1", 400, 400},
        {"localhost:x", 400, 400},
        {"user@localhost", 400, 400},
        {"localhost..", 400, 400},
        {"", 400, 400},
    };
    for (const auto& row : rows) {
        INFO(row.host);
        CHECK(from_host(row.host) == row.status);
        CHECK(from_host(row.host, false) == row.without_token);
    }
}

TEST_CASE("T5: a page of another site is refused", "[api]") {
    struct Row {
        const char *field, *value;
        int status;
    };
    constexpr Row rows[]{
        {"Sec-Fetch-Site", "none", 0},
        {"Sec-Fetch-Site", "same-origin", 0},
        {"sec-fetch-site", "cross-site", 403},
        {"Sec-Fetch-Site", "same-site", 403},
        {"Sec-Fetch-Site", "", 403},
        {"Sec-Fetch-Site", "None", 403},
        {"Origin", "http://127.0.0.1:8081", 0},
        {"origin", "http://127.0.0.1:8082", 403},
        {"Origin", "http://127.0.0.1", 403},
        {"Origin", "https://127.0.0.1:8081", 0},
        {"Origin", "http://evil.example", 403},
        {"Origin", "http://127.0.0.1:8081.evil.example", 403},
        {"Origin", "http://evil.example@127.0.0.1:8081", 403},
        {"Origin", "null", 403},
        {"Origin", "", 403},
        {"Origin", "file://", 403},
        {"Origin", "ftp://127.0.0.1:8081", 403},
        {"Origin", "127.0.0.1:8081", 403},
    };
    for (const auto& row : rows) {
        INFO(row.field << ": " << row.value);
        CHECK(from_page(row.field, row.value) == row.status);
    }
    CHECK(from_page("Origin", "http://LocalHost", "localhost:80") == 0);
    CHECK(from_page("Origin", "https://localhost", "localhost.:443") == 0);
    CHECK(from_page("Origin", "http://[::1]:8081", "[::1]:8081") == 0);
}

TEST_CASE("T5: one honest field does not cover another", "[api]") {
    const auto two = [](const char* name, const char* one, const char* other) {
        return status(
            api::check_origin(with({{"Host", "localhost:80"}, {name, one}, {name, other}}, "localhost"), {}, true));
    };
    CHECK(two("Origin", "http://localhost", "http://evil.example") == 403);
    CHECK(two("Sec-Fetch-Site", "none", "cross-site") == 403);
}

TEST_CASE("T5: a page's own origin has our host, and https where we have", "[api]") {
    const auto asked = [](std::string origin, bool tls) {
        auto request = with({{"Host", "127.0.0.1:8081"}, {"Origin", std::move(origin)}});
        request.tls = tls;
        return status(api::check_origin(request, {}, true));
    };
    CHECK(asked("https://127.0.0.1:8081", true) == 0);
    CHECK(asked("http://127.0.0.1:8081", true) == 403);
    CHECK(asked("https://127.0.0.1:8082", true) == 403);
    CHECK(asked("https://127.0.0.1:8081", false) == 0);  // a proxy takes the TLS off
    CHECK(asked("https://evil.example", false) == 403);
}

TEST_CASE("T5: a document must be said to be JSON", "[api]") {
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
