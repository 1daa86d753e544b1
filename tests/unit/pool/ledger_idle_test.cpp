// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace shallop::tests;
using pool::Slot;
using pool::Start;
using pool::State;
using Slots = std::vector<Slot>;

TEST_CASE("an idle instance goes after its idle timeout", "[pool]") {
    Stage stage;
    const auto slot = stage.warm(function_of("f", {.idle_timeout = 10s}));
    CHECK(stage.ledger.due() <= stage.now + 10s);
    stage.pass(9s);
    CHECK(stage.retired().empty());
    stage.pass(1s);
    CHECK(stage.retired() == Slots{slot});
}

TEST_CASE("what is used again starts its idle time anew", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.idle_timeout = 10s});
    const auto slot = stage.warm(f);
    for (int i = 0; i < 5; ++i) {
        stage.pass(9s);
        REQUIRE(stage.take(f) == slot);
        stage.give_back(slot);
    }
    CHECK(stage.retired().empty());
}

TEST_CASE("what is leased does not idle", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.idle_timeout = 1s});
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    stage.pass(1h);
    CHECK(stage.retired().empty());
}

TEST_CASE("min instances stay when their time has passed, the longest idle ones go", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.min = 1, .idle_timeout = 10s});
    const auto first = stage.warm(f);
    REQUIRE(stage.take(f) == first);
    const auto second = stage.warm(f);
    stage.ledger.deploy(f, stage.now);
    stage.give_back(first);
    stage.pass(1h);
    CHECK(stage.retired() == Slots{second});
}

TEST_CASE("with an idle timeout of 0 an instance goes as soon as nobody waits for it", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1, .idle_timeout = 0s});
    REQUIRE(stage.wait(f) != 0);
    const auto slot = stage.launches().at(0);
    stage.launched(slot);
    REQUIRE(stage.wait(f) != 0);
    stage.give_back(slot);
    CHECK(stage.served().size() == 2);
    CHECK(stage.retired().empty());
    stage.give_back(slot);
    CHECK(stage.retired() == Slots{slot});
}

TEST_CASE("an instance that may be paused is, after a second of rest, and is woken for the next event", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.idle = "pause"});
    const auto slot = stage.warm(f);
    stage.pass(999ms);
    CHECK(stage.paused().empty());
    stage.pass(1ms);
    CHECK(stage.paused() == Slots{slot});
    CHECK(stage.ledger.find(slot)->state == State::paused);
    const auto asked = stage.ledger.ask(f, stage.now);
    REQUIRE(asked);
    REQUIRE(asked->grant);
    CHECK(asked->grant->slot == slot);
    CHECK(asked->grant->wake);
    CHECK(asked->grant->start == Start::warm);
}

TEST_CASE("min instances and standbys are paused too", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.reuse = false, .standby = 1, .idle = "pause"});
    stage.ledger.deploy(f, stage.now);
    stage.ledger.deploy(function_of("g", {.min = 1, .idle = "pause"}), stage.now);
    for (const auto slot : stage.launches()) stage.launched(slot);
    stage.pass(1s);
    CHECK(stage.paused().size() == 2);
    const auto asked = stage.ledger.ask(f, stage.now);
    REQUIRE(asked);
    CHECK(asked->grant->wake);
    CHECK(asked->grant->start == Start::standby);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("one that runs is preferred to one that is paused", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.idle = "pause"});
    const auto first = stage.warm(f);
    REQUIRE(stage.take(f) == first);
    const auto second = stage.warm(f);
    stage.pass(1s);
    CHECK(stage.paused() == Slots{second});
    stage.give_back(first);
    CHECK(stage.take(f) == first);
    CHECK(stage.take(f) == second);
}

TEST_CASE("a paused instance goes after the idle timeout, counted from its rest", "[pool]") {
    Stage stage;
    const auto slot = stage.warm(function_of("f", {.idle_timeout = 10s, .idle = "pause"}));
    stage.pass(9s);
    CHECK(stage.paused() == Slots{slot});
    CHECK(stage.retired().empty());
    stage.pass(1s);
    CHECK(stage.retired() == Slots{slot});
}

TEST_CASE("nothing is due where nothing idles", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    CHECK(stage.ledger.due() == Instant::max());
    const auto slot = stage.warm(f);
    CHECK(stage.ledger.due() < Instant::max());
    REQUIRE(stage.take(f) == slot);
    stage.pass(1h);
    CHECK(stage.ledger.due() == Instant::max());
}

namespace {

/// A function that is called each half an hour, up to its thirteenth call: the instance started ahead of that one.
Slot called_by_the_clock(Stage& stage, const function::FunctionPtr& function) {
    stage.ledger.deploy(function, stage.now);
    for (int i = 0; i < 12; ++i) {
        for (const auto slot : stage.launches()) stage.launched(slot);
        const auto slot = stage.take(function);
        if (slot != 0) stage.give_back(slot);
        if (slot == 0 && stage.warm(function) == 0) return 0;
        stage.pass(30min);
    }
    const auto ahead = stage.launches();
    if (ahead.size() != 1) return 0;
    stage.launched(ahead[0]);
    stage.retired();
    return ahead[0];
}

}  // namespace

TEST_CASE("a function that is called by the clock is started ahead of its calls, and not kept between them", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.idle_timeout = 5min, .keep_alive = "learned"});
    const auto ahead = called_by_the_clock(stage, f);
    REQUIRE(ahead != 0);
    const auto before = stage.ledger.counts("f").of(Start::standby);
    REQUIRE(stage.take(f) == ahead);
    CHECK(stage.ledger.counts("f").of(Start::standby) == before + 1);
    stage.give_back(ahead);
    CHECK(stage.retired() == Slots{ahead});  // half an hour is longer than a start
    stage.pass(26min);
    CHECK(stage.launches().empty());
    stage.pass(2min);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("an instance started ahead for a call that does not come goes again", "[pool]") {
    Stage stage;
    const auto ahead = called_by_the_clock(stage, function_of("f", {.idle_timeout = 5min, .keep_alive = "learned"}));
    REQUIRE(ahead != 0);
    stage.pass(1h);
    CHECK(stage.retired() == Slots{ahead});
    stage.pass(24h);
    CHECK(stage.launches().empty());
}
