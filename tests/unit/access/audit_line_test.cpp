// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/audit.h>
#include <shallop/access/tokens.h>

#include <nlohmann/json.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace shallop;

namespace {

constexpr std::chrono::system_clock::time_point noon{std::chrono::seconds(1'763'726'400)};

std::string line_of(const access::AuditEntry& entry, std::uint64_t missing = 0) {
    return access::format_audit_line(entry, noon, missing);
}

access::AuditEntry some_entry() {
    access::AuditEntry entry;
    entry.event = "change";
    entry.who = "ci";
    entry.from = "10.0.0.1";
    entry.method = "PUT";
    entry.path = "/v1/functions/a";
    entry.function = "a";
    entry.status = 201;
    return entry;
}

}  // namespace

TEST_CASE("an audit line says who did what from where, and what became of it", "[access]") {
    CHECK(line_of(some_entry()) ==
          R"({"time":"2025-11-21T12:00:00.000Z","event":"change","who":"ci","from":"10.0.0.1","method":"PUT",)"
          R"("path":"/v1/functions/a","function":"a","status":201})");
    CHECK(nlohmann::json::parse(line_of(some_entry(), 3)).at("missing") == 3);
}

TEST_CASE("T12: no byte of a request leaves its place in an audit line", "[access]") {
    for (int byte = 0; byte < 256; ++byte) {
        auto entry = some_entry();
        entry.function = entry.path = entry.from = entry.who = entry.result = entry.fault =
            "x" + std::string(1, static_cast<char>(byte)) + "\xc2\x85y\",\"who\":\"admin";
        const auto line = line_of(entry);
        INFO(byte);
        CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7f; }));
        CHECK(nlohmann::json::parse(line).at("who").get<std::string>().starts_with("x"));
    }
}

TEST_CASE("an audit line is bounded, whatever is sent", "[access]") {
    for (const auto* piece : {"a", "\"", "\x01", "\xff", "\xf0\x9f\x98\x80"}) {
        auto entry = some_entry();
        for (int i = 0; i < 8000; ++i) entry.path += piece;
        entry.function = entry.from = entry.who = entry.result = entry.fault = entry.method = entry.path;
        const auto line = line_of(entry, UINT64_MAX);
        CHECK(line.size() < 4096);
        CHECK(nlohmann::json::accept(line));
    }
}

TEST_CASE("T4: a token that stands where a name should is masked", "[access]") {
    const auto secret = "shallop_" + std::string(64, 'a');
    auto entry = some_entry();
    entry.path = "/v1/tokens/" + secret + "/rotate";
    const auto line = line_of(entry);
    CHECK(line.find("aaaaa") == line.npos);
    CHECK(line.find("/v1/tokens/shallop_aaaa.../rotate") != line.npos);
    CHECK(access::masked(secret + " " + secret) == "shallop_aaaa... shallop_aaaa...");
    for (const auto* text : {"", "shallop_", "shallop_abc", "shallop_abcd", "shallop", "x-shallop_-y"})
        CHECK(access::masked(text) == text);
}
