// SPDX-License-Identifier: Apache-2.0
#include "api/token_document.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using access::Scope;

namespace {

constexpr std::chrono::system_clock::time_point now{1'763'726'400s};

/// The pointer of what is refused; "none" where nothing is.
std::string refused(std::string_view json) {
    const auto parsed = api::parse_token(json, now);
    return parsed ? "none" : parsed.error().pointer;
}

}  // namespace

TEST_CASE("a token's document says name, scope and end", "[api]") {
    const auto token = api::parse_token(R"({"name": "ci.1", "scope": "deploy", "expires": "90d"})", now).value();
    CHECK(token.name == "ci.1");
    CHECK(token.scope == Scope::deploy);
    CHECK(token.expires == now + 90 * 24h);
    const auto until =
        api::parse_token(R"({"name": "a", "scope": "metrics", "expires": "2027-01-31T00:00:00Z"})", now).value();
    CHECK(until.scope == Scope::metrics);
    CHECK(until.expires == access::Seconds(1'801'353'600s));
    CHECK_FALSE(api::parse_token(R"({"name": "a", "scope": "admin", "expires": null})", now).value().expires);
    CHECK_FALSE(api::parse_token(R"({"name": "a", "scope": "invoke"})", now).value().expires);
}

TEST_CASE("what a token's document has wrong is named", "[api]") {
    CHECK(refused(R"({"scope": "deploy"})") == "/name");
    CHECK(refused(R"({"name": "A", "scope": "deploy"})") == "/name");
    CHECK(refused(R"({"name": 5, "scope": "deploy"})") == "/name");
    CHECK(refused(R"({"name": "a"})") == "/scope");
    CHECK(refused(R"({"name": "a", "scope": "root"})") == "/scope");
    CHECK(refused(R"({"name": "a", "scope": ["deploy"]})") == "/scope");
    CHECK(refused(R"({"name": "a", "scope": "deploy", "expires": "soon"})") == "/expires");
    CHECK(refused(R"({"name": "a", "scope": "deploy", "expires": ""})") == "/expires");
    CHECK(refused(R"({"name": "a", "scope": "deploy", "expires": "0s"})") == "/expires");
    CHECK(refused(R"({"name": "a", "scope": "deploy", "expires": "2020-01-01T00:00:00Z"})") == "/expires");
    CHECK(refused(R"({"name": "a", "scope": "deploy", "expires": 90})") == "/expires");
    CHECK(refused(R"({"name": "a", "scope": "deploy", "token": "x"})") == "/token");
    for (const auto* text : {"", "[]", "{", "null", "5"}) CHECK(refused(text) != "none");
}
