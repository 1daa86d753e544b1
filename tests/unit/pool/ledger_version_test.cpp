// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace shallop::tests;
using base::Fault;
using pool::Slot;
using pool::State;
using Slots = std::vector<Slot>;

TEST_CASE("old instances serve until the new version is ready, then go", "[pool]") {
    Stage stage;
    const auto v1 = function_of("f"), v2 = function_of("f", {.version = 2});
    const auto old = stage.warm(v1);
    stage.ledger.deploy(v2, stage.now);
    const auto launch = stage.orders(pool::Order::What::launch);
    REQUIRE(launch.size() == 1);
    CHECK(launch[0].function == v2);
    CHECK(stage.take(v2) == old);
    stage.give_back(old);
    CHECK(stage.retired().empty());
    stage.launched(launch[0].slot);
    CHECK(stage.retired() == Slots{old});
    CHECK(stage.take(v2) == launch[0].slot);
}

TEST_CASE("an old instance with events in it goes with the last of them", "[pool]") {
    Stage stage;
    const auto v1 = function_of("f", {.max = 1}), v2 = function_of("f", {.max = 1, .version = 2});
    const auto old = stage.warm(v1);
    REQUIRE(stage.take(v1) == old);
    stage.ledger.deploy(v2, stage.now);
    const auto next = stage.launches().at(0);  // one more than max, to take over
    stage.launched(next);
    CHECK(stage.retired().empty());
    CHECK(stage.ledger.find(old)->state == State::retiring);
    CHECK(stage.take(v2) == next);
    stage.give_back(old);
    CHECK(stage.retired() == Slots{old});
    CHECK(stage.ledger.counts("f").instances() == 1);
}

TEST_CASE("an event with a newer version makes it current, one with an older version counts as current", "[pool]") {
    Stage stage;
    const auto v1 = function_of("f"), v2 = function_of("f", {.version = 2});
    const auto old = stage.warm(v1);
    CHECK(stage.take(v2) == old);
    const auto next = stage.launches().at(0);
    stage.launched(next);
    CHECK(stage.take(v1) == next);
    CHECK(stage.launches().empty());
}

TEST_CASE("a new version without old instances and without demand launches nothing beyond min", "[pool]") {
    Stage stage;
    stage.ledger.deploy(function_of("f"), stage.now);
    stage.ledger.deploy(function_of("f", {.version = 2}), stage.now);
    CHECK(stage.launches().empty());
    stage.ledger.deploy(function_of("f", {.min = 2, .version = 3}), stage.now);
    CHECK(stage.launches().size() == 2);
}

TEST_CASE("a new version that fails to start ends the old one's service", "[pool]") {
    Stage stage;
    const auto old = stage.warm(function_of("f"));
    stage.ledger.deploy(function_of("f", {.version = 2}), stage.now);
    stage.fail(stage.launches().at(0));
    CHECK(stage.retired() == Slots{old});
}

TEST_CASE("an engine that is down does not end the old one's service", "[pool]") {
    Stage stage;
    const auto old = stage.warm(function_of("f"));
    const auto v2 = function_of("f", {.version = 2});
    stage.ledger.deploy(v2, stage.now);
    stage.fail(stage.launches().at(0), Fault::engine_down);
    CHECK(stage.retired().empty());
    CHECK(stage.take(v2) == old);
    stage.pass(200ms);
    const auto again = stage.launches();
    REQUIRE(again.size() == 1);
    stage.launched(again[0]);
    stage.give_back(old);
    CHECK(stage.retired() == Slots{old});
}

TEST_CASE("a one-shot function's events are of the new version from its deployment on", "[pool]") {
    Stage stage;
    const auto v1 = function_of("f", {.reuse = false, .standby = 1});
    stage.ledger.deploy(v1, stage.now);
    const auto standby = stage.launches().at(0);
    stage.launched(standby);
    const auto v2 = function_of("f", {.reuse = false, .standby = 1, .version = 2});
    stage.ledger.deploy(v2, stage.now);
    CHECK(stage.retired() == Slots{standby});
    const auto launch = stage.orders(pool::Order::What::launch);
    REQUIRE(launch.size() == 1);
    CHECK(launch[0].function == v2);
}

TEST_CASE("a second new version before the first is ready takes over from both", "[pool]") {
    Stage stage;
    const auto old = stage.warm(function_of("f"));
    stage.ledger.deploy(function_of("f", {.version = 2}), stage.now);
    const auto second = stage.launches().at(0);
    stage.ledger.deploy(function_of("f", {.version = 3}), stage.now);
    const auto third = stage.launches().at(0);
    stage.launched(second);
    CHECK(stage.retired().empty());  // it is old by now, and serves like the first
    stage.launched(third);
    auto gone = stage.retired();
    std::sort(gone.begin(), gone.end());
    CHECK(gone == Slots{std::min(old, second), std::max(old, second)});
}

TEST_CASE("no new version is stopped by bounds that the old one fills", "[pool]") {
    Stage stage({.instances = 1});
    const auto v2 = function_of("f", {.version = 2});
    SECTION("an idle old instance goes first") {
        const auto old = stage.warm(function_of("f"));
        stage.ledger.deploy(v2, stage.now);
        CHECK(stage.retired() == Slots{old});
        CHECK(stage.launches().size() == 1);
    }
    SECTION("a leased one goes with its event, though others wait") {
        const auto old = stage.warm(function_of("f"));
        REQUIRE(stage.take(function_of("f")) == old);
        stage.ledger.deploy(v2, stage.now);
        REQUIRE(stage.wait(v2) != 0);
        stage.give_back(old);
        CHECK(stage.retired() == Slots{old});
        stage.launched(stage.launches().at(0));
        CHECK(stage.served().size() == 1);
    }
}

TEST_CASE("instances that end their streams count for no max, but not without end", "[pool]") {
    Stage stage;
    Slots held;
    for (std::int64_t version = 1; version <= 6; ++version) {
        const auto f = function_of("f", {.max = 1, .version = version});
        stage.ledger.deploy(f, stage.now);
        auto starting = stage.launches();
        for (const auto slot : starting) stage.launched(slot);
        if (const auto slot = stage.take(f); slot != 0) {
            held.push_back(slot);
        } else if (stage.wait(f) != 0) {
            for (const auto next : stage.launches()) {
                stage.launched(next);
                held.push_back(next);
            }
        }
    }
    CHECK(stage.ledger.counts("f").instances() == 3);
}

TEST_CASE("a function that is removed refuses who waits, and lets its instances go", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 2});
    const auto leased = stage.warm(f);
    REQUIRE(stage.take(f) == leased);
    const auto idle = stage.warm(f);
    REQUIRE(stage.take(f) == idle);
    const auto ticket = stage.wait(f);
    stage.ledger.withdraw("f", stage.now);
    const auto refused = stage.refused();
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].ticket == ticket);
    CHECK(refused[0].error.fault == Fault::not_found);
    stage.give_back(idle);
    CHECK(stage.ledger.functions().size() == 1);
    stage.give_back(leased);
    CHECK(stage.retired() == Slots{idle, leased});
    CHECK(stage.ledger.functions().empty());
}

TEST_CASE("a removed function that is put again starts anew while old instances end", "[pool]") {
    Stage stage;
    const auto old = stage.warm(function_of("f", {.version = 7}));
    REQUIRE(stage.take(function_of("f", {.version = 7})) == old);
    stage.ledger.withdraw("f", stage.now);
    const auto f = function_of("f", {.version = 1});
    stage.ledger.deploy(f, stage.now);
    const auto fresh = stage.warm(f);
    CHECK(fresh != old);
    stage.give_back(old);
    CHECK(stage.retired() == Slots{old});
    CHECK(stage.take(f) == fresh);
}

TEST_CASE("a function that is asked for and never deployed is forgotten after a while", "[pool]") {
    Stage stage;
    REQUIRE(stage.warm(function_of("f")) != 0);
    stage.pass(2min);
    CHECK(stage.retired().size() == 1);
    CHECK(stage.ledger.functions().size() == 1);
    stage.pass(10min);
    CHECK(stage.ledger.functions().empty());
    CHECK(stage.ledger.due() == Instant::max());
}

TEST_CASE("an instance that is there already takes over without a launch, also where no more may be started",
          "[pool]") {
    Stage stage({.instances = 4, .launches = 1});
    const auto old = function_of("f"), fresh = function_of("f", {.version = 2});
    const auto first = stage.warm(old);
    stage.wait(function_of("busy", {.max = 1}));  // the only launch there may be
    REQUIRE(stage.launches().size() == 1);

    const auto made = stage.ledger.deploy_made(fresh, stage.now);
    REQUIRE(made != 0);
    CHECK(stage.launches().empty());
    stage.launched(made);
    CHECK(stage.retired() == Slots{first});
    CHECK(stage.take(fresh) == made);
    CHECK(stage.ledger.deploy_made(old, stage.now) == 0);  // an older version
}

TEST_CASE("an instance that is there already is not taken where there is no room for it", "[pool]") {
    Stage stage({.instances = 1, .launches = 1});
    const auto other = function_of("other", {.max = 1});
    stage.wait(other);
    REQUIRE(stage.launches().size() == 1);
    CHECK(stage.ledger.deploy_made(function_of("f", {.max = 1}), stage.now) == 0);
    CHECK(stage.launches().empty());
}
