// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/ledger.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <random>
#include <set>

using namespace shallop;
using pool::Bounds;
using pool::Ledger;
using pool::Ticket;

TEST_CASE("events are granted at once up to max, then wait", "[pool]") {
    Ledger ledger(100);
    CHECK(ledger.ask("f", {2, 10})->granted);
    CHECK(ledger.ask("f", {2, 10})->granted);
    CHECK_FALSE(ledger.ask("f", {2, 10})->granted);
    CHECK(ledger.granted("f") == 2);
    CHECK(ledger.waiting("f") == 1);
}

TEST_CASE("a full queue refuses the next event", "[pool]") {
    Ledger ledger(100);
    REQUIRE(ledger.ask("f", {1, 1}));
    REQUIRE(ledger.ask("f", {1, 1}));
    const auto third = ledger.ask("f", {1, 1});
    REQUIRE_FALSE(third);
    CHECK(third.error().fault == base::Fault::overloaded);
    CHECK(ledger.waiting() == 1);
}

TEST_CASE("a function whose queue is 0 refuses instead of waiting", "[pool]") {
    Ledger ledger(100);
    const auto first = ledger.ask("f", {1, 0});
    REQUIRE(first);
    CHECK_FALSE(ledger.ask("f", {1, 0}));
    ledger.leave(first->ticket);
    CHECK(ledger.ask("f", {1, 0})->granted);
}

TEST_CASE("who waits longest is next", "[pool]") {
    Ledger ledger(100);
    const auto first = ledger.ask("f", {1, 10});
    const auto second = ledger.ask("f", {1, 10});
    const auto third = ledger.ask("f", {1, 10});
    CHECK(ledger.leave(first->ticket) == std::vector{second->ticket});
    CHECK(ledger.leave(second->ticket) == std::vector{third->ticket});
}

TEST_CASE("one who leaves the line does not take a slot with it", "[pool]") {
    Ledger ledger(100);
    const auto first = ledger.ask("f", {1, 10});
    const auto second = ledger.ask("f", {1, 10});
    const auto third = ledger.ask("f", {1, 10});
    CHECK(ledger.leave(second->ticket).empty());
    CHECK(ledger.leave(first->ticket) == std::vector{third->ticket});
}

TEST_CASE("under the global bound a quiet function is served before a noisy one", "[pool]") {
    Ledger ledger(2);
    const auto a = ledger.ask("noisy", {10, 10});
    const auto b = ledger.ask("noisy", {10, 10});
    CHECK(a->granted);
    CHECK(b->granted);
    REQUIRE_FALSE(ledger.ask("noisy", {10, 10})->granted);
    const auto quiet = ledger.ask("quiet", {10, 10});
    REQUIRE_FALSE(quiet->granted);
    CHECK(ledger.leave(a->ticket) == std::vector{quiet->ticket});
}

namespace {

/// Requests, ends and give-ups at random; what the Ledger says is held against a plain count of its own.
struct Simulation {
    explicit Simulation(std::uint64_t seed) : random(seed) {}

    void step() {
        if (random() % 3 != 0) {
            ask();
        } else if (!live.empty()) {
            leave();
        }
        check();
    }

    void ask() {
        const std::string name(1, static_cast<char>('a' + random() % functions));
        const Bounds bounds{static_cast<int>(1 + name[0] % 4), static_cast<int>(name[0] % 6)};
        const auto answer = ledger.ask(name, bounds);
        if (!answer) {
            REQUIRE(ledger.waiting(name) >= bounds.queue);
            return;
        }
        live[answer->ticket] = {name, answer->granted};
    }

    void leave() {
        auto at = live.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random() % live.size()));
        const auto ticket = at->first;
        live.erase(at);
        for (const auto granted : ledger.leave(ticket)) {
            auto& one = live.at(granted);
            REQUIRE_FALSE(one.second);
            for (const auto& [other, state] : live) {  // first come, first served
                if (state.first == one.first && !state.second) REQUIRE(other >= granted);
            }
            one.second = true;
        }
    }

    void check() {
        int granted = 0;
        std::map<std::string, std::pair<int, int>> each;
        for (const auto& [ticket, state] : live) {
            granted += state.second ? 1 : 0;
            auto& counts = each[state.first];
            ++(state.second ? counts.first : counts.second);
        }
        REQUIRE(granted == ledger.granted());
        REQUIRE(granted <= bound);
        REQUIRE(static_cast<int>(live.size()) - granted == ledger.waiting());
        for (const auto& [name, counts] : each) {
            const Bounds bounds{1 + name[0] % 4, name[0] % 6};
            REQUIRE(counts.first == ledger.granted(name));
            REQUIRE(counts.first <= bounds.max);
            REQUIRE(counts.second <= bounds.queue);
            // No slot stays free while somebody who may have it waits.
            if (counts.second > 0 && counts.first < bounds.max) REQUIRE(granted == bound);
        }
    }

    static constexpr int bound = 7;
    static constexpr unsigned functions = 6;
    std::mt19937_64 random;
    Ledger ledger{bound};
    std::map<Ticket, std::pair<std::string, bool>> live;
};

}  // namespace

TEST_CASE("a seeded simulation keeps every invariant after each step", "[pool]") {
    const char* given = std::getenv("SHALLOP_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    INFO("SHALLOP_SEED=" << seed);
    Simulation simulation(seed);
    for (int i = 0; i < 50'000; ++i) simulation.step();
}
