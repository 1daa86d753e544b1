// SPDX-License-Identifier: Apache-2.0
#include <shallop/queue/lines.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace shallop;
using queue::LineLimits;
using queue::Lines;
using queue::Millis;

namespace {

Lines lines_of(LineLimits limits = {}, int concurrency = 10) {
    return {limits, [concurrency](const std::string&) { return concurrency; }};
}

function::Async policy_of(int backlog, base::Bytes bytes) {
    function::Async policy;
    policy.backlog = backlog;
    policy.backlog_bytes = bytes;
    return policy;
}

/// Everything that can happen to the lines, at random, held against a plain model: what waits, by when it is due.
class Simulation {
public:
    explicit Simulation(std::uint64_t seed) : random_(seed), limits_(some_limits()), lines_(limits_, concurrency()) {
        for (const auto& name : names) concurrency_[name] = 1 + below(4);
    }

    void step() {
        now_ += below(3) == 0 ? below(40) : 0;
        switch (below(8)) {
            case 0:
            case 1:
            case 2:
                return come();
            case 3:
                return leave();
            case 4:
                return bring();
            case 5:
            case 6:
                return end();
            default:
                return below(20) == 0 ? change() : hasten();
        }
    }

    /// Nobody gets a turn that he cannot use, and whoever can use one gets it.
    void give_turns() {
        for (int turns = 0;; ++turns) {
            REQUIRE(turns < 100);
            const auto turn = lines_.next(now_);
            agree();
            if (!turn) break;
            auto& one = model_[turn->function];
            CHECK(one.promised == 0);
            CHECK(turn->most >= 1);
            CHECK(turn->most <= static_cast<std::size_t>(limits_.batch));
            CHECK(one.running + static_cast<int>(turn->most) <= concurrency_[turn->function]);
            one.promised = static_cast<int>(turn->most);
            CHECK(busy() <= limits_.running);
            count_passed_over(turn->function);
        }
        if (busy() >= limits_.running) return;
        auto earliest = std::numeric_limits<Millis>::max();
        for (const auto& [name, one] : model_) {
            CAPTURE(name);
            const bool room = one.promised == 0 && one.running < concurrency_[name];
            if (!room || one.waiting.empty()) continue;
            CHECK(one.first() > now_);
            earliest = std::min(earliest, one.first());
        }
        // It may wake up for nothing, but never too late.
        if (earliest != std::numeric_limits<Millis>::max()) {
            REQUIRE(lines_.next_due());
            CHECK(*lines_.next_due() <= earliest);
        }
    }

    /// No more comes: all that waits is served, and nothing is left of it.
    void finish() {
        for (int i = 0; events() > 0 || busy() > 0; ++i) {
            REQUIRE(i < 100'000);
            give_turns();
            bring();
            end(true);
            if (const auto due = lines_.next_due(); due && busy() == 0) now_ = std::max(now_, *due);
        }
        CHECK(lines_.events() == 0);
        CHECK(lines_.bytes() == 0);
        CHECK(lines_.running() == 0);
        CHECK(lines_.lag(now_) == 0);
        CHECK_FALSE(lines_.next_due());
    }

private:
    static constexpr std::array<const char*, 6> names{"a", "b", "c", "d", "e", "f"};

    struct Waiting {
        Millis due;
        std::int64_t bytes;
    };
    struct Model {
        std::vector<Waiting> waiting;
        int running = 0, promised = 0;
        int passed_over = 0;

        Millis first() const {
            return std::min_element(waiting.begin(), waiting.end(),
                                    [](const auto& x, const auto& y) { return x.due < y.due; })
                ->due;
        }
    };

    int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
    std::string some_name() { return names.at(static_cast<std::size_t>(below(6))); }
    std::function<int(const std::string&)> concurrency() {
        return [this](const std::string& name) { return concurrency_[name]; };
    }
    LineLimits some_limits() {
        LineLimits limits;
        limits.running = 1 + below(8);
        limits.batch = 1 + below(4);
        limits.events = 40;
        limits.bytes = 2000;
        return limits;
    }

    std::int64_t events() const {
        std::int64_t sum = 0;
        for (const auto& [name, one] : model_) sum += static_cast<std::int64_t>(one.waiting.size());
        return sum;
    }
    std::int64_t bytes() const {
        std::int64_t sum = 0;
        for (const auto& [name, one] : model_)
            for (const auto& each : one.waiting) sum += each.bytes;
        return sum;
    }
    int busy() const {
        int sum = 0;
        for (const auto& [name, one] : model_) sum += one.running + one.promised;
        return sum;
    }

    void agree() {
        int running = 0;
        for (const auto& [name, one] : model_) running += one.running;
        REQUIRE(lines_.events() == events());
        REQUIRE(static_cast<std::int64_t>(lines_.bytes()) == bytes());
        REQUIRE(lines_.running() == running);
        CHECK(lines_.lag(now_) >= 0);
    }

    void come() {
        const auto name = some_name();
        const Waiting event{now_ + (below(3) == 0 ? below(200) : 0), below(100)};
        const auto policy = policy_of(15, 800);
        auto& one = model_[name];
        std::int64_t own = 0;
        for (const auto& each : one.waiting) own += each.bytes;
        const bool fits = one.waiting.size() < 15 && own + event.bytes <= 800 && events() < limits_.events &&
                          bytes() + event.bytes <= 2000;
        const auto admitted = lines_.admit(name, policy, static_cast<base::Bytes>(event.bytes));
        REQUIRE(admitted.has_value() == fits);
        if (!fits) return;
        one.waiting.push_back(event);
        lines_.add(name, 1, event.bytes, event.due);
        agree();
    }

    /// Somebody cancels one that waits.
    void leave() {
        const auto name = some_name();
        auto& waiting = model_[name].waiting;
        if (waiting.empty()) return;
        const auto at = waiting.begin() + below(static_cast<int>(waiting.size()));
        const auto gone = *at;
        waiting.erase(at);
        lines_.add(name, -1, -gone.bytes, 0);
        agree();
    }

    void hasten() {
        lines_.hasten(some_name(), now_);
        agree();
    }

    void change() { concurrency_[some_name()] = 1 + below(4); }

    /// A turn that was given brings what is due, or nothing, for the disk failed.
    void bring() {
        for (auto& [name, one] : model_) {
            if (one.promised == 0) continue;
            const bool failed = below(10) == 0;
            std::int64_t taken = 0;
            std::int64_t bytes = 0;
            while (!failed && taken < one.promised && !one.waiting.empty() && one.first() <= now_) {
                const auto at = std::find_if(one.waiting.begin(), one.waiting.end(),
                                             [&](const auto& each) { return each.due == one.first(); });
                bytes += at->bytes;
                ++taken;
                one.waiting.erase(at);
            }
            one.promised = 0;
            one.running += static_cast<int>(taken);
            std::optional<Millis> next_due;
            if (!one.waiting.empty()) next_due = failed ? std::min(one.first(), now_ + 5) : one.first();
            if (failed) next_due = now_ + 5;
            lines_.took(name, taken, bytes, next_due);
            if (failed && !one.waiting.empty()) lines_.hasten(name, one.first());
            agree();
            return;
        }
    }

    /// One that ran has ended, or is put back for later.
    void end(bool for_good = false) {
        for (auto& [name, one] : model_) {
            if (one.running == 0 || (!for_good && below(2) == 0)) continue;
            if (!for_good && below(3) == 0) {
                const Waiting again{now_ + 1 + below(50), below(100)};
                one.waiting.push_back(again);
                lines_.add(name, 1, again.bytes, again.due);
            }
            --one.running;
            lines_.ended(name);
            agree();
            return;
        }
    }

    /// A function that could use a turn sees every other get one at most before it has its own.
    void count_passed_over(const std::string& served) {
        for (auto& [name, one] : model_) {
            const bool able =
                one.promised == 0 && one.running < concurrency_[name] && !one.waiting.empty() && one.first() <= now_;
            one.passed_over = name == served || !able ? 0 : one.passed_over + 1;
            CAPTURE(name, served);
            CHECK(one.passed_over < static_cast<int>(names.size()));
        }
    }

    std::mt19937_64 random_;
    LineLimits limits_;
    std::map<std::string, int> concurrency_;
    std::map<std::string, Model> model_;
    Lines lines_;
    Millis now_ = 1'000'000;
};

}  // namespace

TEST_CASE("lines never promise more than there is room for, starve nobody and lose no count", "[queue]") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        Simulation simulation(seed);
        for (int i = 0; i < 600; ++i) {
            simulation.step();
            simulation.give_turns();
        }
        simulation.finish();
    }
}

TEST_CASE("a backlog is full at its bound of events or of bytes, and says whose", "[queue]") {
    LineLimits limits;
    limits.events = 3;
    limits.bytes = 100;
    auto lines = lines_of(limits);
    lines.add("f", 2, 60, 1);
    const auto whose = [&](const char* function, int backlog, base::Bytes most, base::Bytes bytes) -> std::string {
        const auto admitted = lines.admit(function, policy_of(backlog, most), bytes);
        if (admitted) return "";
        CHECK(admitted.error().fault == base::Fault::overloaded);
        return admitted.error().pointer;
    };
    CHECK(whose("f", 3, 100, 40).empty());
    CHECK(whose("f", 2, 100, 0) == "backlog");
    CHECK(whose("f", 3, 69, 10) == "backlog");
    CHECK(whose("f", 3, 1000, 41) == "backlog of all");
    CHECK(whose("g", 1, 100, 41) == "backlog of all");
    CHECK(whose("g", 0, 100, 1) == "backlog");
    lines.add("g", 1, 0, 1);
    CHECK(whose("h", 10, 100, 0) == "backlog of all");
}

TEST_CASE("a long line takes turns with a short one", "[queue]") {
    LineLimits limits;
    limits.running = 100;
    limits.batch = 2;
    auto lines = lines_of(limits, 100);
    lines.add("long", 1000, 0, 0);
    lines.add("short", 3, 0, 0);
    std::vector<std::string> order;
    for (int i = 0; i < 4; ++i) {
        const auto turn = lines.next(0);
        REQUIRE(turn);
        order.push_back(turn->function);
        lines.took(turn->function, 1, 0, 0);
    }
    CHECK(order == std::vector<std::string>{"long", "short", "long", "short"});
}

TEST_CASE("what comes during a turn is not forgotten when the turn brought nothing", "[queue]") {
    auto lines = lines_of();
    lines.add("f", 1, 0, 50);
    REQUIRE(lines.next(50));
    lines.add("f", 1, 0, 60);
    lines.took("f", 1, 0, std::nullopt);
    CHECK(lines.next_due() == 60);
    CHECK_FALSE(lines.next(59));
    CHECK(lines.next(60));
}

TEST_CASE("the lag is the wait of what has been due the longest", "[queue]") {
    auto lines = lines_of();
    CHECK(lines.lag(100) == 0);
    lines.add("f", 1, 0, 150);
    CHECK(lines.lag(100) == 0);
    CHECK(lines.lag(170) == 20);
    lines.add("g", 1, 0, 120);
    CHECK(lines.lag(170) == 50);
}

TEST_CASE("nothing is due while all places are taken", "[queue]") {
    LineLimits limits;
    limits.running = 1;
    auto lines = lines_of(limits);
    lines.add("a", 1, 0, 5);
    lines.add("b", 1, 0, 5);
    REQUIRE(lines.next(10).value().function == "a");
    CHECK_FALSE(lines.next_due().has_value());
    lines.took("a", 1, 0, std::nullopt);
    CHECK_FALSE(lines.next_due().has_value());
    lines.ended("a");
    CHECK(lines.next_due() == 5);
}

TEST_CASE("many at once fit as one whole, or not", "[queue]") {
    LineLimits limits;
    limits.events = 10;
    limits.bytes = 100;
    auto lines = lines_of(limits);
    lines.add("a", 4, 40, 5);
    CHECK(lines.admit_all(6, 60).has_value());
    CHECK_FALSE(lines.admit_all(7, 60).has_value());
    CHECK_FALSE(lines.admit_all(6, 61).has_value());
}
