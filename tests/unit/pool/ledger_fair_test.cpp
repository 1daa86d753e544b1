// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace shallop::tests;
using base::Fault;
using pool::Slot;
using pool::State;
using Slots = std::vector<Slot>;

namespace {

/// `count` warm instances of `function`, all idle.
Slots several_warm(Stage& stage, const function::FunctionPtr& function, int count) {
    Slots slots;
    for (int i = 0; i < count; ++i) {
        slots.push_back(stage.warm(function));
        if (stage.take(function) != slots.back()) return {};
    }
    for (const auto slot : slots) stage.give_back(slot);
    return slots;
}

}  // namespace

TEST_CASE("the longest-waiting event of the function that holds fewest is launched for first", "[pool]") {
    Stage stage({.launches = 1});
    const auto noisy = function_of("noisy"), quiet = function_of("quiet"), third = function_of("third");
    for (int i = 0; i < 5; ++i) REQUIRE(stage.wait(noisy) != 0);
    REQUIRE(stage.wait(third) != 0);
    REQUIRE(stage.wait(quiet) != 0);
    std::vector<std::string> order;
    for (int i = 0; i < 4; ++i) {
        const auto next = stage.orders(pool::Order::What::launch);
        REQUIRE(next.size() == 1);
        order.push_back(next[0].function->spec.name);
        stage.launched(next[0].slot);
    }
    CHECK(order == std::vector<std::string>{"noisy", "third", "quiet", "noisy"});
}

TEST_CASE("a function that holds fewer takes the place of the least recently used idle instance", "[pool]") {
    Stage stage({.instances = 3});
    const auto idle = several_warm(stage, function_of("much"), 3);
    REQUIRE(idle.size() == 3);
    REQUIRE(stage.wait(function_of("little")) != 0);
    CHECK(stage.retired() == Slots{idle[0]});
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a function that holds as many does not, until the other has idled for long", "[pool]") {
    Stage stage({.instances = 2});
    const auto a = function_of("a"), b = function_of("b");
    const auto idle = stage.warm(a);
    const auto busy = stage.warm(b);
    REQUIRE(stage.take(b) == busy);
    REQUIRE(stage.wait(b) != 0);
    stage.pass(9s);
    CHECK(stage.retired().empty());
    stage.pass(2s);
    CHECK(stage.retired() == Slots{idle});
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("what min keeps goes for nobody", "[pool]") {
    Stage stage({.instances = 2});
    stage.ledger.deploy(function_of("kept", {.min = 2}), stage.now);
    for (const auto slot : stage.launches()) stage.launched(slot);
    REQUIRE(stage.wait(function_of("other")) != 0);
    stage.pass(1h);
    CHECK(stage.retired().empty());
    CHECK(stage.launches().empty());
}

TEST_CASE("another function's standby goes for an event that waits", "[pool]") {
    Stage stage({.instances = 2});
    stage.ledger.deploy(function_of("ahead", {.reuse = false, .standby = 2}), stage.now);
    const auto standbys = stage.launches();
    REQUIRE(standbys.size() == 2);
    for (const auto slot : standbys) stage.launched(slot);
    REQUIRE(stage.wait(function_of("cold")) != 0);
    CHECK(stage.retired() == Slots{standbys[0]});
    CHECK(stage.launches().size() == 1);  // and the standby is not started again: there is no room
}

TEST_CASE("nothing idle goes for a standby", "[pool]") {
    Stage stage({.instances = 2});
    REQUIRE(several_warm(stage, function_of("f"), 2).size() == 2);
    stage.ledger.deploy(function_of("ahead", {.reuse = false, .standby = 1}), stage.now);
    stage.pass(30s);
    CHECK(stage.retired().empty());
    CHECK(stage.launches().empty());
    stage.pass(31s);  // f's idle timeout
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("a noisy function that is never idle gives way to one that has nothing", "[pool]") {
    Stage stage({.instances = 2});
    const auto noisy = function_of("noisy");
    const auto slots = several_warm(stage, noisy, 2);
    REQUIRE(stage.take(noisy) != 0);
    REQUIRE(stage.take(noisy) != 0);
    for (int i = 0; i < 20; ++i) REQUIRE(stage.wait(noisy) != 0);
    const auto quiet = stage.wait(function_of("quiet"));
    REQUIRE(quiet != 0);
    CHECK(stage.retired().empty());  // never a leased one
    stage.give_back(slots[0]);
    CHECK(stage.retired() == Slots{slots[0]});
    const auto next = stage.orders(pool::Order::What::launch);
    REQUIRE(next.size() == 1);
    CHECK(next[0].function->spec.name == "quiet");
    stage.give_back(slots[1]);  // one place was asked for, and one is enough
    CHECK(stage.retired().empty());
    CHECK(stage.served().size() == 1);
}

TEST_CASE("a busy instance with many events in it drains for one that has nothing", "[pool]") {
    Stage stage({.instances = 2});
    const auto noisy = function_of("noisy", {.max = 2, .concurrency = 2});
    for (int i = 0; i < 4; ++i) REQUIRE(stage.wait(noisy) != 0);
    const auto slots = stage.launches();
    for (const auto slot : slots) stage.launched(slot);
    REQUIRE(stage.wait(noisy) != 0);
    REQUIRE(stage.wait(function_of("quiet")) != 0);
    CHECK(stage.served().size() == 4);
    stage.give_back(slots[0]);
    CHECK(stage.ledger.find(slots[0])->state == State::retiring);
    CHECK(stage.served().empty());
    stage.give_back(slots[1]);
    CHECK(stage.served().size() == 1);  // the other one works on
    stage.give_back(slots[0]);
    CHECK(stage.retired() == Slots{slots[0]});
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("two busy functions take turns on a single place, not at each event", "[pool]") {
    Stage stage({.instances = 1});
    const auto a = function_of("a", {.max = 1}), b = function_of("b", {.max = 1});
    const auto slot = stage.warm(a);
    REQUIRE(stage.take(a) == slot);
    REQUIRE(stage.wait(a) != 0);
    REQUIRE(stage.wait(b) != 0);
    stage.give_back(slot);
    CHECK(stage.served().size() == 1);
    REQUIRE(stage.wait(a) != 0);
    stage.pass(501ms);
    stage.give_back(slot);
    CHECK(stage.retired() == Slots{slot});
    const auto next = stage.orders(pool::Order::What::launch);
    REQUIRE(next.size() == 1);
    CHECK(next[0].function->spec.name == "b");
}

TEST_CASE("the memory promised to instances stays within its bound", "[pool]") {
    Stage stage({.memory = 10});
    const auto big = function_of("big", {.memory = 4});
    for (int i = 0; i < 5; ++i) REQUIRE(stage.wait(big) != 0);
    CHECK(stage.launches().size() == 2);
    CHECK(stage.ledger.counts().memory == 8);
    REQUIRE(stage.wait(function_of("small", {.memory = 2})) != 0);
    CHECK(stage.launches().size() == 1);
}

TEST_CASE("several idle instances go for one that needs their memory, or none does", "[pool]") {
    Stage stage({.memory = 10});
    const auto small = function_of("small", {.memory = 2});
    const auto idle = several_warm(stage, small, 5);
    REQUIRE(idle.size() == 5);
    REQUIRE(stage.take(small) != 0);
    REQUIRE(stage.wait(function_of("huge", {.memory = 10})) != 0);
    CHECK(stage.retired().empty());  // one is leased: it would not be enough
    REQUIRE(stage.wait(function_of("big", {.memory = 5})) != 0);
    CHECK(stage.retired() == Slots{idle[0], idle[1], idle[2]});
    const auto next = stage.orders(pool::Order::What::launch);
    REQUIRE(next.size() == 1);
    CHECK(next[0].function->spec.name == "big");
}

TEST_CASE("a function that needs more memory than there is in all is refused at once", "[pool]") {
    Stage stage({.memory = 10});
    const auto refused = stage.ledger.ask(function_of("f", {.memory = 11}), stage.now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::overloaded);
    CHECK(refused.error().detail.find("11") != std::string::npos);
}

TEST_CASE("memory pressure takes the least recently used idle instances, not what min keeps nor standbys", "[pool]") {
    Stage stage;
    const auto f = function_of("f", {.memory = 3});
    const auto idle = several_warm(stage, f, 3);
    stage.ledger.deploy(function_of("kept", {.min = 1, .memory = 3}), stage.now);
    stage.ledger.deploy(function_of("ahead", {.reuse = false, .standby = 1, .memory = 3}), stage.now);
    for (const auto slot : stage.launches()) stage.launched(slot);
    CHECK(stage.ledger.relieve(4, stage.now) == 6);
    CHECK(stage.retired() == Slots{idle[0], idle[1]});
    CHECK(stage.ledger.relieve(100, stage.now) == 3);
    CHECK(stage.launches().empty());
}
