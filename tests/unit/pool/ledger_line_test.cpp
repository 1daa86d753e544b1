// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace shallop::tests;
using base::Fault;
using pool::Slot;
using pool::Start;
using pool::State;
using pool::Ticket;
using Slots = std::vector<Slot>;
using Tickets = std::vector<Ticket>;

TEST_CASE("an event without an instance starts one and gets it when it is ready", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto ticket = stage.wait(f);
    REQUIRE(ticket != 0);
    const auto launch = stage.orders(pool::Order::What::launch);
    REQUIRE(launch.size() == 1);
    CHECK(launch[0].function == f);
    stage.launched(launch[0].slot);
    const auto served = stage.orders(pool::Order::What::serve);
    REQUIRE(served.size() == 1);
    CHECK(served[0].ticket == ticket);
    CHECK(served[0].slot == launch[0].slot);
    CHECK(served[0].start == Start::cold);
    CHECK(stage.ledger.counts("f").of(Start::cold) == 1);
}

TEST_CASE("a warm instance is granted at once, without an order", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto slot = stage.warm(f);
    const auto asked = stage.ledger.ask(f, stage.now);
    REQUIRE(asked);
    REQUIRE(asked->grant);
    CHECK(asked->grant->slot == slot);
    CHECK(asked->grant->start == Start::warm);
    CHECK_FALSE(asked->grant->wake);
    CHECK_FALSE(stage.ledger.has_orders());
    stage.give_back(slot);
    CHECK_FALSE(stage.ledger.has_orders());
}

TEST_CASE("the most recently used instance is granted first", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto first = stage.warm(f);
    REQUIRE(stage.take(f) == first);
    const auto second = stage.warm(f);
    stage.give_back(first);  // second was given back before
    CHECK(stage.take(f) == first);
    CHECK(stage.take(f) == second);
}

TEST_CASE("an instance that still has a place is granted before one that has idled longer", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.concurrency = 2});
    REQUIRE(stage.wait(f) != 0);
    REQUIRE(stage.wait(f) != 0);
    REQUIRE(stage.wait(f) != 0);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 2);
    stage.launched(slots[0]);
    stage.launched(slots[1]);
    stage.now += 1s;
    stage.give_back(slots[0]);
    stage.give_back(slots[0]);
    stage.now += 1s;
    CHECK(stage.take(f) == slots[0]);
    CHECK(stage.take(f) == slots[0]);  // not full yet, and used last
    CHECK(stage.take(f) == slots[1]);
    CHECK(stage.take(f) == 0);
}

TEST_CASE("concurrency bounds the events in one instance", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1, .concurrency = 3});
    for (int i = 0; i < 5; ++i) REQUIRE(stage.wait(f) != 0);
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 1);
    stage.launched(slots[0]);
    CHECK(stage.served().size() == 3);
    CHECK(stage.ledger.find(slots[0])->events == 3);
    stage.give_back(slots[0]);
    CHECK(stage.served().size() == 1);
}

TEST_CASE("who waits longest is next", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1});
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    const auto first = stage.wait(f);
    const auto second = stage.wait(f);
    CHECK(first < second);
    stage.give_back(slot);
    CHECK(stage.served() == Tickets{first});
    stage.give_back(slot);
    CHECK(stage.served() == Tickets{second});
}

TEST_CASE("one who leaves the line is passed over", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1});
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    const auto first = stage.wait(f);
    const auto second = stage.wait(f);
    CHECK(stage.ledger.leave(first, stage.now));
    CHECK_FALSE(stage.ledger.leave(first, stage.now));
    stage.give_back(slot);
    CHECK(stage.served() == Tickets{second});
    CHECK_FALSE(stage.ledger.leave(second, stage.now));
}

TEST_CASE("tickets count up though their records are used again", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    Ticket last = 0;
    for (int i = 0; i < 100; ++i) {
        const auto ticket = stage.wait(f);
        REQUIRE(ticket > last);
        REQUIRE(stage.ledger.leave(ticket, stage.now));
        last = ticket;
    }
}

TEST_CASE("a full queue refuses the next event", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1, .queue = 2});
    REQUIRE(stage.warm(f) != 0);
    REQUIRE(stage.take(f) != 0);
    REQUIRE(stage.wait(f) != 0);
    REQUIRE(stage.wait(f) != 0);
    const auto refused = stage.ledger.ask(f, stage.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::overloaded);
    CHECK(refused.error().detail.find("2 events waiting") != std::string::npos);
    CHECK(stage.ledger.counts("f").refused == 1);
}

TEST_CASE("a function whose queue is 0 refuses instead of waiting, and can still be started", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 2, .queue = 0});
    CHECK(stage.wait(f) != 0);
    CHECK(stage.wait(f) != 0);
    CHECK_FALSE(stage.ledger.ask(f, stage.now));
    const auto slots = stage.launches();
    REQUIRE(slots.size() == 2);
    stage.launched(slots[0]);
    stage.launched(slots[1]);
    CHECK_FALSE(stage.ledger.ask(f, stage.now));
    stage.give_back(slots[0]);
    CHECK(stage.take(f) == slots[0]);
}

TEST_CASE("a bound over all lines together refuses too", "[pool]") {
    Stage stage({.waiting = 3});
    REQUIRE(stage.wait(function_of("f")) != 0);
    REQUIRE(stage.wait(function_of("f")) != 0);
    REQUIRE(stage.wait(function_of("g")) != 0);
    const auto refused = stage.ledger.ask(function_of("h"), stage.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::overloaded);
}

TEST_CASE("an instance that is not sound serves nobody any more", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.concurrency = 2});
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    REQUIRE(stage.take(f) == slot);
    stage.give_back(slot, false);
    CHECK(stage.ledger.find(slot)->state == State::retiring);
    CHECK(stage.retired().empty());
    CHECK(stage.take(f) == 0);
    stage.give_back(slot);
    CHECK(stage.retired() == Slots{slot});
    CHECK_FALSE(stage.ledger.find(slot));
}

TEST_CASE("an idle instance that is lost is gone at once, a leased one with its last event", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto leased = stage.warm(f);
    REQUIRE(stage.take(f) == leased);
    const auto idle = stage.warm(f);
    stage.ledger.lost(idle, stage.now);
    CHECK(stage.retired() == Slots{idle});
    stage.ledger.lost(leased, stage.now);
    CHECK(stage.retired().empty());
    stage.give_back(leased);
    CHECK(stage.retired() == Slots{leased});
    stage.ledger.lost(leased, stage.now);  // known no more: passed over
    CHECK(stage.retired().empty());
}

TEST_CASE("an operator's retire waits for what is in the instance", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    stage.ledger.retire(slot, stage.now);
    CHECK(stage.retired().empty());
    stage.give_back(slot);
    CHECK(stage.retired() == Slots{slot});
}

TEST_CASE("a launch that is retired is cancelled, and made up for while somebody waits", "[pool]") {
    Stage stage;
    const auto ticket = stage.wait(function_of("f"));
    const auto slot = stage.launches().at(0);
    stage.ledger.retire(slot, stage.now);
    CHECK(stage.retired() == Slots{slot});
    const auto next = stage.launches();
    REQUIRE(next.size() == 1);
    stage.launched(slot);  // came too late
    CHECK(stage.served().empty());
    stage.launched(next[0]);
    CHECK(stage.served() == Tickets{ticket});
}

TEST_CASE("a drain refuses what is asked, serves who waits, and keeps nothing", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.min = 1, .max = 1});
    stage.ledger.deploy(f, stage.now);
    const auto slot = stage.launches().at(0);
    stage.launched(slot);
    REQUIRE(stage.take(f) == slot);
    const auto ticket = stage.wait(f);
    stage.ledger.drain(stage.now);
    const auto refused = stage.ledger.ask(f, stage.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::shutting_down);
    stage.give_back(slot);
    CHECK(stage.served() == Tickets{ticket});
    stage.give_back(slot);
    CHECK(stage.retired() == Slots{slot});
    CHECK(stage.launches().empty());
}

TEST_CASE("a drain lets idle instances go and cancels launches that nobody waits for", "[pool]") {
    Stage stage;
    const auto f = function_of("f");
    const auto idle = stage.warm(f);
    stage.ledger.deploy(function_of("g", {.min = 1}), stage.now);
    const auto starting = stage.launches().at(0);
    stage.ledger.drain(stage.now);
    auto gone = stage.retired();
    std::sort(gone.begin(), gone.end());
    CHECK(gone == Slots{std::min(idle, starting), std::max(idle, starting)});
    CHECK(stage.ledger.counts().instances() == 0);
}

TEST_CASE("who yields is served after all that do not, whenever they came", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.max = 1});
    const auto slot = stage.warm(f);
    REQUIRE(stage.take(f) == slot);
    const auto early = stage.ledger.ask(f, stage.now, true)->ticket;
    const auto later = stage.ledger.ask(f, stage.now, true)->ticket;
    const auto request = stage.wait(f);
    const auto second = stage.wait(f);
    Tickets order;
    for (int turn = 0; turn < 4; ++turn) {
        stage.give_back(slot);
        const auto served = stage.orders(pool::Order::What::serve);
        REQUIRE(served.size() == 1);
        order.push_back(served[0].ticket);
    }
    CHECK(order == Tickets{request, second, early, later});
}
