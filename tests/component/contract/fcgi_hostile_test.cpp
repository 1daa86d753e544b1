// SPDX-License-Identifier: Apache-2.0
#include "component/contract/fcgi_stage.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a connection that its server closed while it lay idle is replaced, also for a POST", "[contract][fcgi]") {
    FcgiStage stage(fcgi_server("    got = ask()[1]\n"
                                "    say(c, rec(6, page + b'connection %d %s' % (n, got)) + end)\n"),
                    8080);
    for (int i = 2; i < 6; ++i) {
        auto one = stage.asking("/");
        one.post("x");
        // The first connection is the one that showed that it listens.
        CHECK(FcgiStage::told(one, stage.run(one)) == "connection " + std::to_string(i - 1) + " x");
        stage.room.loop.run(stage.room.loop.clock().sleep_for(50ms));
    }
    CHECK(stage.driver->sound());
}

TEST_CASE("a GET on a kept connection that closes without a word is sent once more, a POST is not",
          "[contract][fcgi]") {
    FcgiStage stage(fcgi_server("    ask(); say(c, rec(6, page + b'connection %d' % n) + end); ask()\n"), 8080);
    CHECK(stage.ask("/") == "connection 1");
    CHECK(stage.ask("/") == "connection 2");
    auto one = stage.asking("/");
    one.post("x");
    CHECK(FcgiStage::told(one, stage.run(one)) ==
          "function_failed: the function closed the connection without a reply");
}

TEST_CASE("what is no FastCGI is a failure, and the instance goes after the second time", "[contract][fcgi]") {
    const auto [bytes, why] = GENERATE(table<std::string, std::string>({
        {"b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n'", "what is no FastCGI of version 1"},
        {"rec(6, page, v=2) + end", "what is no FastCGI of version 1"},
        {"rec(6, page, i=2) + end", "a FastCGI record of request 2"},
        {"rec(10)", "a FastCGI record of type 10"},
        {"rec(3, bytes(4))", "an end of the request with 4 bytes"},
        {"rec(6) + rec(6, page) + end", "more output after its end"},
    }));
    FcgiStage stage(fcgi_server("    ask(); say(c, " + bytes + ")\n    while c.recv(4096): pass\n"), 8080);
    CHECK_THAT(stage.ask("/"), ContainsSubstring("function_failed: the function sent " + why));
    CHECK(stage.driver->sound());
    CHECK_THAT(stage.ask("/"), ContainsSubstring(why));
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a responder that runs no request says why", "[contract][fcgi]") {
    const auto [status, why] = GENERATE(table<int, std::string>({
        {1, "takes no further request on this connection"},
        {2, "is overloaded"},
        {3, "is no responder"},
    }));
    FcgiStage stage(
        fcgi_server("    ask(); say(c, rec(3, bytes([0, 0, 0, 0, " + std::to_string(status) + ", 0, 0, 0])))\n"), 8080);
    CHECK_THAT(stage.ask("/"), ContainsSubstring("function_failed: the function " + why));
    CHECK(stage.driver->sound());
}

TEST_CASE("a reply in pieces of any size is one reply", "[contract][fcgi]") {
    FcgiStage stage(
        fcgi_server("    while True:\n"
                    "        ask()\n"
                    "        whole = rec(7, b'to the log\\n') + rec(6, page[:9]) + rec(6, page[9:] + b'he') + "
                    "rec(6, b'llo') + rec(6) + rec(7) + end\n"
                    "        for i in range(len(whole)): say(c, whole[i:i + 1])\n"),
        8080);
    CHECK(stage.ask("/") == "hello");
    CHECK(stage.ask("/") == "hello");
}

TEST_CASE("a reply that breaks off before its end, or is none, is a failure", "[contract][fcgi]") {
    const auto [bytes, why] = GENERATE(table<std::string, std::string>({
        {"rec(6, page[:9])", "function_failed: the function closed the connection in the middle of its reply's head"},
        {"rec(6, page + b'some')", "some incomplete: the function broke the connection in the middle of its reply"},
        {"end", "function_failed: the function ended the request and printed nothing"},
        {"rec(3, bytes([0, 0, 0, 7, 0, 0, 0, 0]))",
         "function_failed: the function ended the request with status 7 and printed nothing"},
        {"rec(6, b'no head at all\\n\\n') + end", "function_failed: "},
    }));
    FcgiStage stage(fcgi_server("    ask(); say(c, " + bytes + ")\n"), 8080);
    CHECK_THAT(stage.ask("/"), ContainsSubstring(why));
    CHECK(stage.driver->sound());
}

TEST_CASE("an early reply ends the sending of a body, and its connection is not kept", "[contract][fcgi]") {
    FcgiStage stage(fcgi_server("    some(8); say(c, rec(6, page + b'early %d' % n) + end)\n"
                                "    while c.recv(65536): pass\n"),
                    8080);
    stage.function.spec.limits.request_body = 1ULL << 40;
    for (int i = 1; i < 3; ++i) {
        auto one = stage.asking("/");
        one.event.method = "POST";
        one.body.more = *(one.event.content_length = 1ULL << 36);
        CHECK(FcgiStage::told(one, stage.run(one)) == "early " + std::to_string(i));
        CHECK(one.body.read_bytes < 1ULL << 30);
    }
}

TEST_CASE("a local redirect is handed on once the program has done its work", "[contract][fcgi]") {
    FcgiStage stage(fcgi_server("    ask(); say(c, rec(6, b'Location: /elsewhere?q\\r\\n\\r\\n') + end)\n"), 8080);
    auto one = stage.asking("/");
    const auto outcome = stage.run(one);
    REQUIRE(ok(outcome));
    CHECK(outcome->local_redirect == "/elsewhere?q");
    CHECK_FALSE(one.sink.begun());
}

TEST_CASE("a body that fails is the client's fault, and a reply over its limit is cut", "[contract][fcgi]") {
    FcgiStage stage(fcgi_server("    ask()\n"
                                "    while True: say(c, rec(6, page + b'x' * 60000))\n"),
                    8080);
    stage.function.spec.limits.response_body = 100'000;
    auto gone = stage.asking("/");
    gone.post("half");
    gone.event.content_length = 8;
    gone.body.fault = base::Error(base::Fault::client_gone, "the client hung up");
    const auto outcome = stage.run(gone);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::client_gone);
    CHECK_THAT(stage.ask("/"), ContainsSubstring("incomplete: the reply is longer than limits.response_body"));
    CHECK(stage.driver->sound());
}
