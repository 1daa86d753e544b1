// SPDX-License-Identifier: Apache-2.0
#include "docker/contract/container_home.h"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("an event runs in a real container, whoever its user is", "[contract][docker]") {
    for (const unsigned uid : {0U, 65534U}) {
        ContainerStage stage("id -u; cat /dev/stdin >/dev/stdout; echo noted >/dev/stderr; touch /tmp/a; touch /a",
                             uid);
        stage.post("hello\n");
        const auto outcome = stage.run();
        REQUIRE(ok(outcome));
        CHECK(stage.sink.body == std::to_string(uid) + "\nhello\n");
        REQUIRE(stage.lines.size() == 2);
        CHECK(stage.lines[0] == "noted");
        CHECK_THAT(stage.lines[1], ContainsSubstring("Read-only file system"));
        CHECK(outcome->exit_code == 1);
        CHECK(stage.room.ends());
    }
}

TEST_CASE("a function that takes too much memory is a fault of its own, or a cut reply", "[contract][docker]") {
    for (const auto* script : {"exec tail /dev/zero", "tail /dev/zero; exit $?"}) {
        INFO(script);
        ContainerStage before(script);
        const auto outcome = before.run();
        REQUIRE(before.fault(outcome) == "out_of_memory");
        CHECK_THAT(outcome.error().detail, ContainsSubstring("limits.memory"));
    }
    ContainerStage after("printf 'Content-Type: text/plain\\n\\nsome'; exec tail /dev/zero");
    const auto outcome = after.run();
    REQUIRE(ok(outcome));
    CHECK(outcome->reply_incomplete);
    CHECK_THAT(outcome->incomplete_reason, ContainsSubstring("limits.memory"));
}

TEST_CASE("large bodies pass through a real container", "[contract][docker]") {
    ContainerStage stage(std::vector<std::string>{"cat"});
    stage.event.method = "POST";
    stage.event.content_length = stage.body.more = 256 << 20;
    stage.function.spec.limits.request_body = 1 << 30;
    stage.function.spec.contract.output = function::Output::raw;
    stage.sink.keep = false;
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.written == 256 << 20);
}

TEST_CASE("a function that forks without end is answered for in time, and its container ends", "[contract][docker]") {
    ContainerStage stage("f() { f | f & }; f; while :; do :; done");
    stage.timeout = 2s;
    const auto fault = stage.fault(stage.run());
    CHECK((fault == "timed_out" || fault == "function_failed"));
    CHECK(stage.room.ends());
}

TEST_CASE("a command that cannot be run is a launch failure that names it", "[contract][docker]") {
    ContainerStage stage(std::vector<std::string>{"/etc/passwd"});
    const auto outcome = stage.run();
    REQUIRE(stage.fault(outcome) == "launch_failed");
    CHECK_THAT(outcome.error().detail, ContainsSubstring("/etc/passwd"));
    CHECK_FALSE(stage.started);
}
