// SPDX-License-Identifier: Apache-2.0
#include <shallop/api/trusted_proxies.h>

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using api::TrustedProxies;

namespace {

const auto proxies = *TrustedProxies::read({"10.0.0.0/8", "::1", "unix"});

http::Request from(const std::string& address, base::Fields fields) {
    http::Request request;
    request.remote_addr = address;
    request.remote_port = 4000;
    request.fields = std::move(fields);
    return request;
}

/// The client's address as it is seen then, and what is left of X-Forwarded-For.
std::pair<std::string, std::string> seen(const std::string& peer, const std::string& chain) {
    auto request = from(peer, {{"X-Forwarded-For", chain}});
    proxies.see_through(request);
    const auto* rest = base::find_field(request.fields, "X-Forwarded-For");
    return {request.remote_addr, rest == nullptr ? "" : *rest};
}

using Seen = std::pair<std::string, std::string>;

}  // namespace

TEST_CASE("a trusted proxy's client is whom it names", "[api]") {
    CHECK(seen("10.0.0.1", "192.0.2.7") == Seen{"192.0.2.7", ""});
    CHECK(seen("::1", "2001:db8::7") == Seen{"2001:db8::7", ""});
    CHECK(seen("10.0.0.1", "[2001:db8::7]") == Seen{"2001:db8::7", ""});
    CHECK(seen("", "192.0.2.7") == Seen{"192.0.2.7", ""});
    CHECK(seen("::ffff:10.0.0.1", "192.0.2.7") == Seen{"192.0.2.7", ""});
}

TEST_CASE("what the client made up stays before its address", "[api]") {
    CHECK(seen("10.0.0.1", "6.6.6.6, 192.0.2.7") == Seen{"192.0.2.7", "6.6.6.6"});
    CHECK(seen("10.0.0.1", "10.6.6.6, 192.0.2.7 ,10.0.0.2") == Seen{"192.0.2.7", "10.6.6.6"});
    CHECK(seen("10.0.0.1", "nonsense, 192.0.2.7") == Seen{"192.0.2.7", "nonsense"});
}

TEST_CASE("where all are trusted the first is the client; what is no address ends the search", "[api]") {
    CHECK(seen("10.0.0.1", "10.0.0.3, 10.0.0.2") == Seen{"10.0.0.3", ""});
    CHECK(seen("10.0.0.1", "unknown, 10.0.0.2") == Seen{"10.0.0.2", "unknown"});
    CHECK(seen("10.0.0.1", "unknown") == Seen{"10.0.0.1", "unknown"});
    CHECK(seen("10.0.0.1", "192.0.2.7,") == Seen{"10.0.0.1", "192.0.2.7,"});
    CHECK(seen("10.0.0.1", "") == Seen{"10.0.0.1", ""});
}

TEST_CASE("nobody else is believed", "[api]") {
    CHECK(seen("192.0.2.1", "192.0.2.7") == Seen{"192.0.2.1", "192.0.2.7"});
    const auto tcp = *TrustedProxies::read({"10.0.0.0/8"});
    auto request = from("", {{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "https"}});
    tcp.see_through(request);
    CHECK(request.remote_addr.empty());
    CHECK_FALSE(request.tls);
}

TEST_CASE("several fields are one list, and one is left", "[api]") {
    auto request = from("10.0.0.1", {{"x-forwarded-for", "6.6.6.6"}, {"A", "b"}, {"X-Forwarded-For", "192.0.2.7"}});
    proxies.see_through(request);
    CHECK(request.remote_addr == "192.0.2.7");
    CHECK(request.remote_port == 0);
    REQUIRE(request.fields.size() == 2);
    CHECK(request.fields[1].value == "6.6.6.6");
}

TEST_CASE("the scheme is the last one said, if it is one of ours", "[api]") {
    const auto tls = [](const std::string& said, bool before) {
        auto request = from("10.0.0.1", {{"X-Forwarded-Proto", said}});
        request.tls = before;
        proxies.see_through(request);
        return request.tls;
    };
    CHECK(tls("https", false));
    CHECK(tls("HTTPS", false));
    CHECK(tls("http, https", false));
    CHECK_FALSE(tls("https, http", false));
    CHECK_FALSE(tls("http", true));
    CHECK_FALSE(tls("gopher", false));
    CHECK(tls("", true));
}

TEST_CASE("an entry that is no address is named", "[api]") {
    for (const auto* entry : {"localhost", "10.0.0.0/33", "10.0.0.1:80", "[::1]", "", "UNIX"}) {
        INFO(entry);
        const auto read = TrustedProxies::read({"10.0.0.1", entry});
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().detail.find("'" + std::string(entry) + "'") != std::string::npos);
    }
    CHECK(TrustedProxies::read({})->empty());
    CHECK_FALSE(TrustedProxies::read({"unix"})->empty());
}
