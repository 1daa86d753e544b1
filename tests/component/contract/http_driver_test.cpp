// SPDX-License-Identifier: Apache-2.0
#include "component/contract/http_stage.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Answers each request on a connection with which connection and request it was.
const std::string counting =
    "    i = 0\n"
    "    while True:\n"
    "        head(c)\n"
    "        i += 1\n"
    "        ok(c, 'connection %d request %d' % (n, i))\n";

}  // namespace

TEST_CASE("an http function answers, and its connection is used again", "[contract][http]") {
    HttpStage stage(counting);
    CHECK(stage.get() == "connection 1 request 1");
    CHECK(stage.get() == "connection 1 request 2");
    CHECK(stage.driver->sound());
}

TEST_CASE("a server gets the event's head and ours", "[contract][http]") {
    HttpStage stage("    ok(c, head(c).decode())\n");
    auto one = stage.visit();
    one.event.target = "/a?b=c";
    REQUIRE(ok(stage.run(one)));
    CHECK_THAT(one.sink.body, ContainsSubstring("GET /a?b=c HTTP/1.1\r\nHost: f.example\r\n"));
    CHECK_THAT(one.sink.body, ContainsSubstring("\r\nX-Forwarded-For: 192.0.2.1\r\n"));
    CHECK(one.sent);
    CHECK(one.sink.head.status == 200);
    CHECK(one.sink.head.content_length == one.sink.body.size());
}
