// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace shallop::tests;
using base::Fault;
using pool::Slot;
using pool::Start;
using pool::State;
using Slots = std::vector<Slot>;

TEST_CASE("cold events share launches: 100 of them with concurrency 10 start 10", "[pool]") {
    Stage stage({.instances = 64, .launches = 16});
    const auto f = function_of("f", {.max = 10, .concurrency = 10});
    for (int i = 0; i < 100; ++i) REQUIRE(stage.wait(f) != 0);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 10);
    for (const auto slot : slots) stage.launched(slot);
    CHECK(stage.served().size() == 100);
    CHECK(stage.launches().empty());
}

TEST_CASE("no more is launched at once than may be", "[pool]") {
    Stage stage({.launches = 3});
    const auto f = function_of("f");
    for (int i = 0; i < 8; ++i) REQUIRE(stage.wait(f) != 0);
    const auto first = stage.launches();
    REQUIRE(first.size() == 3);
    stage.launched(first[0]);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("no function has more instances than its max", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 2});
    for (int i = 0; i < 8; ++i) REQUIRE(stage.wait(f) != 0);
    CHECK(stage.launches().size() == 2);
    stage.pass(1h);
    CHECK(stage.launches().empty());
}

TEST_CASE("a returning instance wins against a launch in flight, which then joins the idle ones", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto warm = stage.warm(f);
    REQUIRE(stage.take(f) == warm);
    const auto ticket = stage.wait(f);
    stage.pass(200ms);  // longer than a start
    const auto starting = stage.launches();
    REQUIRE(starting.size() == 1);
    stage.give_back(warm);
    const auto served = stage.orders(pool::Order::What::serve);
    REQUIRE(served.size() == 1);
    CHECK(served[0].ticket == ticket);
    CHECK(served[0].slot == warm);
    CHECK(served[0].start == Start::warm);
    stage.launched(starting[0]);
    CHECK(stage.ledger.find(starting[0])->state == State::idle);
    CHECK(stage.take(f) == starting[0]);
}

TEST_CASE("warm instances that work the line off sooner than a start takes are left to it", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto warm = stage.warm(f);  // events took 1 ms, a start 100 ms
    REQUIRE(stage.take(f) == warm);
    for (int i = 0; i < 50; ++i) REQUIRE(stage.wait(f) != 0);
    CHECK(stage.launches().empty());
    for (int i = 0; i < 50; ++i) REQUIRE(stage.wait(f) != 0);
    REQUIRE(stage.wait(f) != 0);  // 101 ms of work
    CHECK_FALSE(stage.launches().empty());
}

TEST_CASE("who has waited for as long as a start takes gets a launch, whatever was measured before", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto warm = stage.warm(f);
    REQUIRE(stage.take(f) == warm);  // and does not come back
    REQUIRE(stage.wait(f) != 0);
    CHECK(stage.launches().empty());
    stage.pass(99ms);
    CHECK(stage.launches().empty());
    stage.pass(2ms);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("the time of events that overlap in one instance is measured", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 2, .concurrency = 2});
    const auto slot = stage.warm(f);  // a start took 100 ms
    REQUIRE(stage.take(f) == slot);
    for (int i = 0; i < 50; ++i) {
        REQUIRE(stage.take(f) == slot);
        stage.now += 60ms;
        stage.give_back(slot);
    }
    REQUIRE(stage.take(f) == slot);
    REQUIRE(stage.wait(f) != 0);
    CHECK(stage.launches().empty());  // two are in it, one ends each 60 ms: so much it waits
    REQUIRE(stage.wait(f) != 0);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a one-shot function gets a fresh instance for every event", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 3, .concurrency = 5, .reuse = false});
    for (int i = 0; i < 4; ++i) REQUIRE(stage.wait(f) != 0);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 3);  // concurrency does not count
    stage.launched(slots[0]);
    CHECK(stage.served().size() == 1);
    stage.give_back(slots[0]);
    CHECK(stage.retired() == Slots{slots[0]});
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a one-shot launch whose waiter has left is cancelled", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.reuse = false});
    const auto first = stage.wait(f);
    REQUIRE(stage.wait(f) != 0);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 2);
    stage.ledger.leave(first, stage.now);
    CHECK(stage.retired() == Slots{slots[1]});  // the younger one: the elder serves who is left
    stage.launched(slots[0]);
    CHECK(stage.served().size() == 1);
}

TEST_CASE("a launch whose waiter has left stays where instances are used again", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    stage.ledger.leave(stage.wait(f), stage.now);
    const auto slot = stage.launches().at(0);
    CHECK(stage.retired().empty());
    stage.launched(slot);
    CHECK(stage.take(f) == slot);
    CHECK(stage.ledger.counts("f").of(Start::standby) == 1);  // it was there before the event
}

TEST_CASE("standbys are started ahead, serve at once, and are made up for", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.reuse = false, .standby = 2});
    stage.ledger.deploy(f, stage.now);
    const auto ahead = stage.launches();
    REQUIRE(ahead.size() == 2);
    for (const auto slot : ahead) stage.launched(slot);
    CHECK(stage.launches().empty());
    const auto asked = stage.ledger.ask(f, stage.now);
    REQUIRE(asked);
    REQUIRE(asked->grant);
    CHECK(asked->grant->start == Start::standby);
    CHECK(stage.launches().size() == 1);
    stage.pass(24h);
    CHECK(stage.retired().empty());  // they do not time out
    stage.give_back(asked->grant->slot);
    CHECK(stage.retired() == Slots{asked->grant->slot});
    CHECK(stage.launches().empty());
}

TEST_CASE("a launch that is under way for a standby serves the event that comes first", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.reuse = false, .standby = 1});
    stage.ledger.deploy(f, stage.now);
    const auto first = stage.launches();
    REQUIRE(first.size() == 1);
    REQUIRE(stage.wait(f) != 0);
    const auto second = stage.launches();
    REQUIRE(second.size() == 1);  // the standby that is lacking then
    stage.launched(first[0]);
    CHECK(stage.served().size() == 1);
    stage.launched(second[0]);
    CHECK(stage.ledger.find(second[0])->state == State::idle);
    CHECK(stage.launches().empty());
}

TEST_CASE("min instances are kept, and made up for when one dies", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.min = 2, .idle_timeout = 1s});
    stage.ledger.deploy(f, stage.now);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 2);
    for (const auto slot : slots) stage.launched(slot);
    stage.pass(1h);
    CHECK(stage.retired().empty());
    stage.ledger.lost(slots[0], stage.now);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a function that is asked for before it is deployed starts nothing ahead", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.min = 3});
    CHECK(stage.warm(f) != 0);
    CHECK(stage.launches().empty());
    stage.ledger.deploy(f, stage.now);
    CHECK(stage.launches().size() == 2);
}

TEST_CASE("cold events are launched for before standbys, standbys before min", "[pool]") {
    Stage stage({.launches = 1});
    const auto blocker = function_of("blocker");
    REQUIRE(stage.wait(blocker) != 0);
    auto starting = stage.launches();
    REQUIRE(starting.size() == 1);
    stage.ledger.deploy(function_of("kept", {.min = 1}), stage.now);
    stage.ledger.deploy(function_of("ahead", {.reuse = false, .standby = 1}), stage.now);
    REQUIRE(stage.wait(function_of("cold")) != 0);
    std::vector<std::string> order;
    for (int i = 0; i < 3; ++i) {
        stage.launched(starting.at(0));
        const auto next = stage.orders(pool::Order::What::launch);
        REQUIRE(next.size() == 1);
        order.push_back(next[0].function->spec.name);
        starting = {next[0].slot};
    }
    CHECK(order == std::vector<std::string>{"cold", "ahead", "kept"});
}

TEST_CASE("an instance that has served max_invocations goes, and is replaced when it is wanted", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1, .concurrency = 2, .max_invocations = 3});
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    REQUIRE(stage.take(f) == slot);
    stage.give_back(slot);
    REQUIRE(stage.wait(f) != 0);      // a place is free, and it takes no fourth
    CHECK(stage.launches().empty());  // max
    stage.give_back(slot);
    CHECK(stage.retired() == Slots{slot});
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a launch is not counted on for more events than max_invocations", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.concurrency = 10, .max_invocations = 2});
    for (int i = 0; i < 4; ++i) REQUIRE(stage.wait(f) != 0);
    CHECK(stage.launches().size() == 2);
}

TEST_CASE("a server that is slow to be ready keeps no other function from starting", "[pool]") {
    Stage stage({.launches = 1});
    const auto slow = function_of("slow");
    const auto quick = function_of("quick");
    REQUIRE(stage.wait(slow) != 0);
    const auto first = stage.launches();
    REQUIRE(first.size() == 1);
    REQUIRE(stage.wait(quick) != 0);
    CHECK(stage.launches().empty());
    stage.ledger.running(first[0], stage.now);
    CHECK(stage.launches().size() == 1);
    CHECK(stage.ledger.counts("slow").in(State::launching) == 1);
    stage.ledger.running(first[0], stage.now);  // said twice, it counts once
    stage.launched(first[0]);
    CHECK(stage.served().size() == 1);
}

TEST_CASE("a standby that is claimed leaves the books, and the next one is launched", "[pool]") {
    Stage stage;
    const auto generic = function_of("@python", {.max = 2, .reuse = false, .standby = 2});
    CHECK(stage.ledger.claim("@python", stage.now) == 0);
    stage.ledger.deploy(generic, stage.now);
    const auto first = stage.launches();
    REQUIRE(first.size() == 2);
    CHECK(stage.ledger.claim("@python", stage.now) == 0);  // none is ready
    stage.launched(first[0]);
    CHECK(stage.ledger.claim("@python", stage.now) == first[0]);
    CHECK(stage.ledger.claim("@python", stage.now) == 0);
    CHECK(stage.retired().empty());
    CHECK(stage.launches().size() == 1);
    CHECK(stage.ledger.counts("@python").instances() == 2);
    CHECK(stage.ledger.counts("@python").memory == 2);
    CHECK_FALSE(stage.ledger.find(first[0]));
}

TEST_CASE("the number of standbys follows what it is told, both ways", "[pool]") {
    Stage stage;
    const auto generic = function_of("@python", {.max = 2, .reuse = false, .standby = 2});
    stage.ledger.keep_standby("@python", 4, stage.now);  // nobody knows it yet
    stage.ledger.deploy(generic, stage.now);
    for (const auto slot : stage.launches()) stage.launched(slot);
    stage.ledger.keep_standby("@python", 4, stage.now);
    const auto more = stage.launches();
    REQUIRE(more.size() == 2);
    for (const auto slot : more) stage.launched(slot);
    CHECK(stage.ledger.counts("@python").instances() == 4);
    stage.ledger.keep_standby("@python", 1, stage.now);
    CHECK(stage.retired().size() == 3);
    CHECK(stage.launches().empty());
    stage.ledger.keep_standby("@python", 0, stage.now);
    CHECK(stage.ledger.counts("@python").instances() == 0);
    stage.ledger.keep_standby("@python", 1, stage.now);
    CHECK(stage.launches().size() == 1);

    const auto warm = function_of("f", {.max = 2});
    stage.ledger.deploy(warm, stage.now);
    stage.ledger.keep_standby("f", 2, stage.now);  // it is no standby's
    CHECK(stage.launches().empty());
}

TEST_CASE("an instance that had an event, or is of an older version, is never claimed", "[pool]") {
    Stage stage;
    stage.ledger.deploy(function_of("f", {.min = 1}), stage.now);
    const auto slot = stage.launches().at(0);
    stage.launched(slot);
    stage.give_back(stage.take(function_of("f", {.min = 1})));
    CHECK(stage.ledger.claim("f", stage.now) == 0);
    stage.ledger.deploy(function_of("g", {.min = 1}), stage.now);
    stage.launched(stage.launches().at(0));
    stage.ledger.deploy(function_of("g", {.min = 1, .version = 2}), stage.now);
    CHECK(stage.ledger.claim("g", stage.now) == 0);
}
