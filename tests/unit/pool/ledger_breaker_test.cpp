// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace shallop;
using namespace shallop::tests;
using base::Fault;
using pool::Slot;
using pool::Ticket;

namespace {

/// Fails `count` launches, each with an event that asks for it.
void fail_in_a_row(Stage& stage, const function::FunctionPtr& function, int count) {
    for (int i = 0; i < count; ++i) {
        REQUIRE(stage.wait(function) != 0);
        const auto slots = stage.launches();
        REQUIRE(slots.size() == 1);
        stage.fail(slots[0]);
        REQUIRE(stage.refused().size() == 1);
    }
}

}  // namespace

TEST_CASE("a failed launch refuses as many as it would have served, oldest first, with its error", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1, .concurrency = 2});
    const auto first = stage.wait(f), second = stage.wait(f), third = stage.wait(f);
    stage.fail(stage.launches().at(0));
    const auto refused = stage.refused();
    REQUIRE(refused.size() == 2);
    CHECK(refused[0].ticket == first);
    CHECK(refused[1].ticket == second);
    CHECK(refused[0].error.fault == Fault::launch_failed);
    CHECK(refused[0].error.detail == "it did not start");
    stage.launched(stage.launches().at(0));
    CHECK(stage.served() == std::vector<Ticket>{third});
}

TEST_CASE("nobody is refused while another instance can serve", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto warm = stage.warm(f);
    REQUIRE(stage.take(f) == warm);
    const auto ticket = stage.wait(f);
    stage.pass(101ms);
    stage.fail(stage.launches().at(0));
    CHECK(stage.refused().empty());
    stage.give_back(warm);
    CHECK(stage.served() == std::vector<Ticket>{ticket});
}

TEST_CASE("of one-shot launches each failure refuses one, and the others serve the rest", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.reuse = false});
    const auto first = stage.wait(f), second = stage.wait(f);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 2);
    stage.fail(slots[1]);
    const auto refused = stage.refused();
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].ticket == first);
    stage.launched(slots[0]);
    CHECK(stage.served() == std::vector<Ticket>{second});
}

TEST_CASE("after three failures in a row nothing is launched for a while, and what is asked is refused at once",
          "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    fail_in_a_row(stage, f, 3);
    const auto refused = stage.ledger.ask(f, stage.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::launch_failed);
    CHECK(refused.error().detail == "it did not start; trying again in 1 s");
    CHECK(stage.ledger.retry_after("f", stage.now) == 200ms);
    CHECK(stage.launches().empty());
}

TEST_CASE("after the back-off one probe is launched, its success closes the breaker", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    fail_in_a_row(stage, f, 3);
    stage.pass(200ms);
    REQUIRE(stage.wait(f) != 0);
    REQUIRE(stage.wait(f) != 0);
    const auto probe = stage.launches();
    REQUIRE(probe.size() == 1);
    stage.launched(probe[0]);
    CHECK(stage.served().size() == 1);
    CHECK(stage.launches().size() == 1);
    CHECK(stage.ledger.retry_after("f", stage.now) == 0s);
}

TEST_CASE("a probe that fails refuses everybody and doubles the back-off, up to its bound", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    fail_in_a_row(stage, f, 3);
    base::Duration expected = 200ms;
    for (int i = 0; i < 10; ++i) {
        CHECK(stage.ledger.retry_after("f", stage.now) == expected);
        stage.pass(expected);
        REQUIRE(stage.wait(f) != 0);
        REQUIRE(stage.wait(f) != 0);
        const auto probe = stage.launches();
        REQUIRE(probe.size() == 1);
        stage.fail(probe[0]);
        CHECK(stage.refused().size() == 2);
        expected = std::min<base::Duration>(2 * expected, 30s);
    }
}

TEST_CASE("where the engine is to blame the next probe is a second away at most", "[pool]") {
    const auto fault = GENERATE(Fault::engine_down, Fault::engine_refused, Fault::timed_out);
    CAPTURE(base::name(fault));
    Stage stage;
    const auto f = function_of("f");
    fail_in_a_row(stage, f, 3);
    for (int i = 0; i < 10; ++i) {
        stage.pass(stage.ledger.retry_after("f", stage.now));
        REQUIRE(stage.wait(f) != 0);
        const auto probe = stage.launches();
        REQUIRE(probe.size() == 1);
        stage.fail(probe[0], fault);
        CHECK(stage.ledger.retry_after("f", stage.now) == std::min<base::Duration>(200ms * (2 << i), 1s));
        stage.refused();
    }
}

TEST_CASE("launches of the same moment that fail together back off once", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.reuse = false});
    for (int i = 0; i < 6; ++i) REQUIRE(stage.wait(f) != 0);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 6);
    stage.now += 50ms;
    for (const auto slot : slots) stage.fail(slot);
    CHECK(stage.refused().size() == 6);
    CHECK(stage.ledger.retry_after("f", stage.now) == 200ms);
}

TEST_CASE("an engine that is down opens the breaker at once", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    REQUIRE(stage.wait(f) != 0);
    stage.fail(stage.launches().at(0), Fault::engine_down);
    CHECK(stage.refused().size() == 1);
    const auto refused = stage.ledger.ask(f, stage.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::engine_down);
}

TEST_CASE("warm instances are used and waited for while the breaker is open", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto warm = stage.warm(f);
    REQUIRE(stage.take(f) == warm);
    REQUIRE(stage.wait(f) != 0);
    stage.pass(101ms);
    stage.fail(stage.launches().at(0), Fault::engine_down);
    CHECK(stage.wait(f) != 0);
    CHECK(stage.launches().empty());
    stage.give_back(warm);
    CHECK(stage.served().size() == 1);
    stage.pass(200ms);  // who is left gets the probe
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("who waits for a warm instance that dies is refused once nothing can be started", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto warm = stage.warm(f);
    REQUIRE(stage.take(f) == warm);
    REQUIRE(stage.wait(f) != 0);
    stage.pass(101ms);
    stage.fail(stage.launches().at(0), Fault::engine_down);
    stage.give_back(warm, false);
    stage.pass(200ms);
    stage.fail(stage.launches().at(0), Fault::engine_down);
    CHECK(stage.refused().size() == 1);
}

TEST_CASE("standbys that fail to start are tried again after the back-off, without anybody's asking", "[pool]") {
    Stage stage;
    stage.ledger.deploy(function_of("f", {.reuse = false, .standby = 1}), stage.now);
    for (int i = 0; i < 3; ++i) {
        const auto slots = stage.launches();
        REQUIRE(slots.size() == 1);
        stage.fail(slots[0]);
    }
    CHECK(stage.launches().empty());
    stage.pass(199ms);
    CHECK(stage.launches().empty());
    stage.pass(1ms);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a new version is tried at once, whatever befell the old one", "[pool]") {
    Stage stage;
    fail_in_a_row(stage, function_of("f"), 3);
    CHECK(stage.wait(function_of("f", {.version = 2})) != 0);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a container that dies while it starts is a failed launch", "[pool]") {
    Stage stage;
    REQUIRE(stage.wait(function_of("f")) != 0);
    const auto slot = stage.launches().at(0);
    stage.ledger.lost(slot, stage.now);
    CHECK(stage.retired() == std::vector<Slot>{slot});
    const auto refused = stage.refused();
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].error.fault == Fault::launch_failed);
}
