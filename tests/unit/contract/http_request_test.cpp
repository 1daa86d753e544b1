// SPDX-License-Identifier: Apache-2.0
#include "contract/http_request.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

const std::string context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function::Event get(std::string target = "/") {
    function::Event event;
    event.id = "01id";
    event.method = "GET";
    event.target = std::move(target);
    event.server_name = "f.example";
    event.remote_addr = "192.0.2.1";
    event.fields = {{"Host", "f.example:8080"}};
    return event;
}

std::string head_of(const function::Event& event) {
    contract::TraceIds traces(1);
    std::string out = "what was there before";
    contract::write_request_head(out, event, contract::asks_upgrade(event), traces);
    return out;
}

/// The lines of a head that begin with `name`, with what follows.
std::string lines_of(const std::string& head, const std::string& name) {
    std::string found;
    std::size_t at = 0;
    while ((at = head.find("\r\n" + name + ": ", at)) != head.npos) {
        at += 2;
        found += head.substr(at, head.find("\r\n", at) - at) + "|";
    }
    return found;
}

}  // namespace

TEST_CASE("a request's head is the event's with ours", "[contract]") {
    auto event = get("/a%20b?c=d");
    event.fields.push_back({"Accept", "*/*"});
    event.fields.push_back({"traceparent", context});
    CHECK(head_of(event) ==
          "GET /a%20b?c=d HTTP/1.1\r\nHost: f.example:8080\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.1\r\n"
          "X-Forwarded-Proto: http\r\nX-Forwarded-Host: f.example:8080\r\n"
          "Forwarded: for=192.0.2.1;host=\"f.example:8080\";proto=http\r\ntraceparent: " +
              context + "\r\nX-Shallop-Invocation-Id: 01id\r\n\r\n");
}

TEST_CASE("an event by name has the function's own path, and the prefix beside it", "[contract]") {
    auto event = get("/function/f/a/b?q");
    event.by_name = true;
    event.script_name = "/function/f";
    event.path_info = "/a/b";
    event.query = "q";
    CHECK_THAT(head_of(event), StartsWith("GET /a/b?q HTTP/1.1\r\n"));
    CHECK(lines_of(head_of(event), "X-Forwarded-Prefix") == "X-Forwarded-Prefix: /function/f|");
    event.path_info.clear();
    event.query.clear();
    CHECK_THAT(head_of(event), StartsWith("GET / HTTP/1.1\r\n"));
}

TEST_CASE("fields of the client's connection and framing are not passed on", "[contract]") {
    auto event = get();
    for (const char* name : {"Connection", "Keep-Alive", "Proxy-Authorization", "proxy-connection", "TE", "Trailer",
                             "Transfer-Encoding", "Upgrade", "Expect", "Proxy", "HTTP2-Settings", "Content-Length",
                             "X-Forwarded-Prefix", "x_forwarded_for", "Content_Length", "Proxy_Authorization"}) {
        event.fields.push_back({name, "secret"});
    }
    event.fields.push_back({"Connection", "close, X-Named, Host"});
    event.fields.push_back({"X-Named", "secret"});
    event.fields.push_back({"X_Kept", "kept"});
    const auto head = head_of(event);
    CHECK_THAT(head, !ContainsSubstring("secret"));
    CHECK_THAT(head, !ContainsSubstring("Connection"));
    CHECK(lines_of(head, "X_Kept") == "X_Kept: kept|");
    CHECK(lines_of(head, "Host") == "Host: f.example:8080|");
}

TEST_CASE("what a client says of those before it is continued, of itself is not believed", "[contract]") {
    auto event = get();
    event.scheme = "https";
    event.remote_addr = "2001:db8::1";
    event.fields.push_back({"X-Forwarded-For", "198.51.100.7"});
    event.fields.push_back({"x-forwarded-for", "198.51.100.8"});
    event.fields.push_back({"X-Forwarded-Proto", "gopher"});
    event.fields.push_back({"X-Forwarded-Host", "evil.example"});
    event.fields.push_back({"Forwarded", "for=198.51.100.7"});
    const auto head = head_of(event);
    CHECK(lines_of(head, "X-Forwarded-For") == "X-Forwarded-For: 198.51.100.7, 198.51.100.8, 2001:db8::1|");
    CHECK(lines_of(head, "X-Forwarded-Proto") == "X-Forwarded-Proto: https|");
    CHECK(lines_of(head, "X-Forwarded-Host") == "X-Forwarded-Host: f.example:8080|");
    CHECK(lines_of(head, "Forwarded") ==
          "Forwarded: for=198.51.100.7, for=\"[2001:db8::1]\";host=\"f.example:8080\";proto=https|");
}

TEST_CASE("a client without a host or an address has stand-ins", "[contract]") {
    auto event = get();
    event.fields.clear();
    event.remote_addr.clear();
    const auto head = head_of(event);
    CHECK(lines_of(head, "Host") == "Host: f.example|");
    CHECK(lines_of(head, "X-Forwarded-For").empty());
    CHECK(lines_of(head, "Forwarded") == "Forwarded: for=unknown;proto=http|");
}

TEST_CASE("what a proxy on a unix socket says of its client is passed on", "[contract]") {
    auto event = get();
    event.remote_addr.clear();
    event.fields.push_back({"X-Forwarded-For", "198.51.100.7"});
    event.fields.push_back({"Forwarded", "for=198.51.100.7;proto=https"});
    const auto head = head_of(event);
    CHECK(lines_of(head, "X-Forwarded-For") == "X-Forwarded-For: 198.51.100.7|");
    CHECK_THAT(lines_of(head, "Forwarded"), StartsWith("Forwarded: for=198.51.100.7;proto=https, for=unknown;"));
}

TEST_CASE("a trace context that is broken or doubled is replaced, with its state", "[contract]") {
    auto event = get();
    event.fields.push_back({"tracestate", "a=b"});
    CHECK(lines_of(head_of(event), "tracestate").empty());
    event.fields.push_back({"TraceParent", context});
    CHECK(lines_of(head_of(event), "traceparent") == "traceparent: " + context + "|");
    CHECK(lines_of(head_of(event), "tracestate") == "tracestate: a=b|");
    event.fields.push_back({"traceparent", context});
    const auto made = lines_of(head_of(event), "traceparent");
    CHECK(made != "traceparent: " + context + "|");
    CHECK(contract::is_traceparent(made.substr(13, 55)));
}

TEST_CASE("a trace context keeps to the standard or is none", "[contract]") {
    const auto with = [](std::size_t at, char c) {
        auto text = context;
        text[at] = c;
        return text;
    };
    CHECK(contract::is_traceparent(context));
    CHECK(contract::is_traceparent(with(1, '1') + "-more"));
    CHECK_FALSE(contract::is_traceparent(context + "-more"));
    CHECK_FALSE(contract::is_traceparent(with(1, '1') + "more"));
    CHECK_FALSE(contract::is_traceparent(with(4, 'A')));
    CHECK_FALSE(contract::is_traceparent(with(2, '_')));
    CHECK_FALSE(contract::is_traceparent("ff" + context.substr(2)));
    CHECK_FALSE(contract::is_traceparent("00-" + std::string(32, '0') + "-b7ad6b7169203331-01"));
    CHECK_FALSE(contract::is_traceparent("00-0af7651916cd43dd8448eb211c80319c-" + std::string(16, '0') + "-01"));
    CHECK_FALSE(contract::is_traceparent(context.substr(1)));
    CHECK_FALSE(contract::is_traceparent(""));
}

TEST_CASE("trace contexts that are made differ", "[contract]") {
    contract::TraceIds one;
    contract::TraceIds other;
    std::string a(contract::TraceIds::size, ' ');
    auto b = a;
    auto c = a;
    CHECK(one.write(a.data()) == a.data() + a.size());
    one.write(b.data());
    other.write(c.data());
    CHECK(contract::is_traceparent(a));
    CHECK(a != b);
    CHECK(a != c);
}

TEST_CASE("a body is framed as the client framed it", "[contract]") {
    auto event = get();
    event.content_length = 0;
    CHECK_THAT(head_of(event), EndsWith("\r\nContent-Length: 0\r\n\r\n"));
    event.content_length = 12345678901234567890ULL;
    CHECK_THAT(head_of(event), EndsWith("\r\nContent-Length: 12345678901234567890\r\n\r\n"));
    event.content_length.reset();
    event.chunked = true;
    CHECK_THAT(head_of(event), EndsWith("\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST_CASE("trailers that the client takes are asked for", "[contract]") {
    auto event = get();
    event.fields.push_back({"TE", "gzip, trailers"});
    CHECK_THAT(head_of(event), EndsWith("\r\nConnection: TE\r\nTE: trailers\r\n\r\n"));
}

TEST_CASE("an upgrade is passed on, but not to HTTP/2 and not with a body", "[contract]") {
    auto event = get();
    event.fields.push_back({"Connection", "keep-alive, Upgrade"});
    event.fields.push_back({"Upgrade", "websocket"});
    event.fields.push_back({"Sec-WebSocket-Key", "x"});
    CHECK(contract::asks_upgrade(event));
    CHECK_THAT(head_of(event), EndsWith("\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
    CHECK(lines_of(head_of(event), "Sec-WebSocket-Key") == "Sec-WebSocket-Key: x|");

    auto with_body = event;
    with_body.content_length = 1;
    CHECK_FALSE(contract::asks_upgrade(with_body));
    CHECK_THAT(head_of(with_body), !ContainsSubstring("websocket"));
    auto to_http2 = event;
    to_http2.fields[2].value = "H2C, websocket";
    CHECK_FALSE(contract::asks_upgrade(to_http2));
    auto old = event;
    old.protocol = "HTTP/1.0";
    CHECK_FALSE(contract::asks_upgrade(old));
    auto unnamed = event;
    unnamed.fields[1].value = "keep-alive";
    CHECK_FALSE(contract::asks_upgrade(unnamed));
}
