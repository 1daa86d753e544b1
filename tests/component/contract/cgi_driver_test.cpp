// SPDX-License-Identifier: Apache-2.0
#include "component/contract/http_stage.h"

#include <shallop/async/race.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A shell script as a function of kind cgi in an instance that is used again.
struct CgiStage : HttpStage {
    explicit CgiStage(const std::string& script) : HttpStage(std::vector<std::string>{"sh", "-c", script}) {
        function.spec.contract = {};
        function.spec.limits.timeout = timeout;
    }

    int left_over() const { return room.sandbox->population() - 1; }

    bool emptied() {
        for (int i = 0; i < 300; ++i) {
            if (left_over() == 0) return true;
            room.loop.run(room.loop.clock().sleep_for(10ms));
        }
        return false;
    }
};

}  // namespace

TEST_CASE("a warm instance runs one process after the other", "[contract][cgi]") {
    CgiStage stage("read x; echo $$ $REQUEST_METHOD $x");
    std::string bodies;
    for (int i = 0; i < 3; ++i) {
        auto one = stage.visit();
        one.post("hello\n");
        REQUIRE(ok(stage.run(one)));
        CHECK_THAT(one.sink.body, ContainsSubstring("POST hello"));
        CHECK(one.sink.body != bodies);
        bodies = one.sink.body;
        CHECK(one.sent);
    }
    CHECK(stage.driver->sound());
}

TEST_CASE("what leaves its process group is killed when no event runs, and not before", "[contract][cgi]") {
    CgiStage stage(
        "case $QUERY_STRING in leave) setsid sleep 60 >/dev/null 2>&1 & echo left;; *) sleep 0.5; echo stayed;; esac");
    REQUIRE(ok(stage.prepare()));
    auto slow = stage.visit();
    auto leaver = stage.visit();
    leaver.event.query = "leave";
    int seen = 0;
    const auto leave = [&]() -> async::Task<void> {
        co_await stage.room.loop.clock().sleep_for(100ms);
        const auto outcome = co_await stage.exchange(leaver, stage.room.loop.in(10s));
        CHECK(outcome.has_value());
        co_await stage.room.loop.clock().sleep_for(100ms);
        seen = stage.left_over();
    };
    const auto stay = [&]() -> async::Task<void> {
        const auto outcome = co_await stage.exchange(slow, stage.room.loop.in(10s));
        CHECK(outcome.has_value());
    };
    auto leaving = leave();
    auto staying = stay();
    stage.room.loop.run(async::both(std::move(leaving), std::move(staying)));
    CHECK(leaver.sink.body == "left\n");
    CHECK(slow.sink.body == "stayed\n");
    CHECK(seen >= 2);
    CHECK(stage.emptied());
    CHECK(stage.driver->sound());
}

TEST_CASE("files stay as long as their instance", "[contract][cgi]") {
    CgiStage stage("cat /tmp/kept 2>/dev/null; echo again >>/tmp/kept; echo end");
    CHECK(stage.get() == "end\n");
    CHECK(stage.get() == "again\nend\n");
}

TEST_CASE("a process that has its time is killed, and the instance goes on", "[contract][cgi]") {
    CgiStage stage("if test \"$QUERY_STRING\" = hang; then trap '' TERM; sleep 60; sleep 60; fi; echo well");
    REQUIRE(ok(stage.prepare()));
    auto one = stage.visit();
    one.event.query = "hang";
    std::optional<async::Task<void>> afterwards;
    contract::Call call{one.event, one.body, one.sink, stage.room.loop.in(300ms)};
    call.afterwards = [&](async::Task<void> work) { afterwards.emplace(std::move(work)); };
    const auto outcome = stage.room.loop.run(stage.driver->exchange(call));
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::timed_out);
    CHECK(stage.driver->sound());
    // Another event comes and goes while the process has its grace: it is not swept away by that.
    CHECK(stage.get() == "well\n");
    CHECK(stage.left_over() > 0);
    REQUIRE(afterwards);
    stage.room.loop.run(std::move(*afterwards));
    CHECK(stage.emptied());
    CHECK(stage.get() == "well\n");
}

TEST_CASE("a command that is not there is a launch failure that may be tried elsewhere", "[contract][cgi]") {
    CgiStage stage("true");
    REQUIRE(ok(stage.prepare()));
    stage.room.channel->close("the test has closed it");
    auto one = stage.visit();
    const auto outcome = stage.run(one);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::launch_failed);
    CHECK_FALSE(one.sent);
    CHECK_FALSE(stage.driver->sound());
}
