// SPDX-License-Identifier: Apache-2.0
#include "functions.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

using namespace shallop;
using namespace shallop::tests;
using pool::Order;
using pool::Slot;
using pool::State;
using pool::Ticket;

namespace {

/// Everything that can happen to a Ledger, at random; its orders are followed, and held against a plain model of its own.
class Simulation {
public:
    Simulation(std::uint64_t seed, bool in_memory)
        : random_(seed), totals_(some_totals(in_memory)), ledger_(totals_, tuning_) {}

    void step() {
        now_ += some_time();
        if (now_ >= ledger_.due() || chance(20)) ledger_.tick(now_);
        act(static_cast<int>(random_() % 100));
        follow();
        ledger_.check();
        agree();
    }

    /// Nothing goes wrong any more, what is held is given back: everybody who waits is served or refused, and all that may go goes.
    void finish() {
        for (int i = 0; ledger_.counts().waiting > 0 || !held_.empty() || !launching_.empty(); ++i) {
            INFO("waiting " << ledger_.counts().waiting << " held " << held_.size() << " launching "
                            << launching_.size());
            REQUIRE(i < 5000);
            const auto starting = launching_;
            for (const auto& [slot, function] : starting) ledger_.launched(slot, now_);
            follow_launched(starting);
            while (!held_.empty()) give_back(true);
            if (launching_.empty()) now_ = std::max(now_, std::min(ledger_.due(), now_ + 1min));
            ledger_.tick(now_);
            follow();
            ledger_.check();
        }
        for (auto& [name, function] : current_) ledger_.withdraw(name, now_);
        follow();
        ledger_.check();
        for (int i = 0; i < 100 && ledger_.due() < Instant::max(); ++i)
            ledger_.tick(now_ = std::max(now_, ledger_.due()));
        follow();
        ledger_.check();
        CHECK(ledger_.counts().instances() == 0);
        CHECK(ready_.empty());
        CHECK(ledger_.functions().empty());
    }

    std::uint64_t served() const { return served_; }

private:
    struct Ready {
        function::FunctionPtr function;
        int events = 0;
        int ever = 0;
        bool paused = false;
        bool closed = false;  ///< nothing may be given to it any more
    };

    bool chance(int in) { return random_() % static_cast<unsigned>(in) == 0; }
    int up_to(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most + 1)); }

    pool::Totals some_totals(bool in_memory) {
        return {.instances = 3 + up_to(7), .launches = 1 + up_to(4), .waiting = 40, .memory = in_memory ? 16U : 0U};
    }
    base::Duration some_time() {
        if (chance(200)) return base::Duration(random_() % std::chrono::nanoseconds(20min).count());
        if (chance(10)) return base::Duration(random_() % std::chrono::nanoseconds(2s).count());
        return base::Duration(random_() % std::chrono::nanoseconds(5ms).count());
    }
    std::string some_name() { return std::string(1, static_cast<char>('a' + random_() % 5)); }

    function::FunctionPtr some_function(const std::string& name) {
        Wish wish;
        wish.max = 1 + up_to(4);
        wish.min = name == "a" || name == "b" ? up_to(1) : 0;  // what `min` keeps never fills the bounds
        wish.concurrency = chance(2) ? 1 : 1 + up_to(3);
        wish.reuse = !chance(3);
        wish.standby = chance(2) ? 0 : up_to(2);
        wish.queue = up_to(8);
        wish.max_invocations = chance(3) ? 1 + up_to(5) : 0;
        wish.idle_timeout = chance(5) ? 0s : std::chrono::seconds(1 + up_to(600));
        wish.idle = chance(3) ? "pause" : "keep";
        wish.keep_alive = chance(3) ? "learned" : "fixed";
        wish.memory = 1 + static_cast<base::Bytes>(up_to(4)) + (chance(20) ? 20U : 0U);
        wish.version = ++versions_[name];
        return function_of(name, wish);
    }

    void act(int what) {
        if (what < 40) {
            ask();
        } else if (what < 70) {
            if (!held_.empty()) give_back(!chance(20));
        } else if (what < 85) {
            if (!launching_.empty()) end_launch();
        } else if (what < 91) {
            leave();
        } else if (what < 94) {
            lose();
        } else if (what < 95) {
            deploy();
        } else if (what < 96) {
            if (chance(5)) withdraw();
        } else if (what < 97) {
            ledger_.relieve(static_cast<base::Bytes>(up_to(3)), now_);
        } else {
            ledger_.tick(now_);
        }
    }

    void ask() {
        const auto name = some_name();
        if (!current_.contains(name)) current_[name] = some_function(name);
        const auto function = current_[name];
        const auto asked = ledger_.ask(function, now_);
        if (!asked) return;
        if (asked->grant) {
            REQUIRE(waiting_of(name).empty());
            follow();
            occupy(asked->grant->slot, name, asked->grant->wake);
            return;
        }
        REQUIRE(asked->ticket > last_);
        last_ = asked->ticket;
        waiting_[asked->ticket] = name;
    }

    void give_back(bool sound) {
        auto at = held_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random_() % held_.size()));
        const auto slot = *at;
        held_.erase(at);
        auto& ready = ready_.at(slot);
        --ready.events;
        ready.closed = ready.closed || !sound;
        ledger_.give_back(slot, sound, now_);
        follow();
    }

    void end_launch() {
        auto at = launching_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random_() % launching_.size()));
        const std::map<Slot, function::FunctionPtr> one{*at};
        if (chance(5)) {
            launching_.erase(at);
            const auto fault = chance(4) ? base::Fault::engine_down : base::Fault::launch_failed;
            ledger_.launch_failed(one.begin()->first, base::Error(fault, "no"), now_);
        } else {
            if (chance(2)) ledger_.running(one.begin()->first, now_);
            ledger_.check();
            if (chance(2)) {
                ledger_.running(one.begin()->first, now_);
                follow();
            }
            ledger_.launched(one.begin()->first, now_);
            follow_launched(one);
        }
    }

    /// From the ledger's word on, a launched slot is ready: its first orders may already name it.
    void follow_launched(const std::map<Slot, function::FunctionPtr>& which) {
        for (const auto& [slot, function] : which) {
            launching_.erase(slot);
            ready_[slot].function = function;
        }
        follow();
    }

    void leave() {
        if (waiting_.empty()) return;
        auto at = waiting_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random_() % waiting_.size()));
        const auto ticket = at->first;
        waiting_.erase(at);
        REQUIRE(ledger_.leave(ticket, now_));
        REQUIRE_FALSE(ledger_.leave(ticket, now_));
    }

    void lose() {
        const bool starting = ready_.empty() || chance(4);
        if (starting && launching_.empty()) return;
        auto pick = [&](const auto& from) {
            auto at = from.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(random_() % from.size()));
            return at->first;
        };
        const auto slot = starting ? pick(launching_) : pick(ready_);
        if (!starting) ready_.at(slot).closed = true;
        chance(2) ? ledger_.lost(slot, now_) : ledger_.retire(slot, now_);
    }

    void deploy() {
        const auto name = some_name();
        const auto function = some_function(name);
        current_[name] = function;
        ledger_.deploy(function, now_);
    }

    void withdraw() {
        const auto name = some_name();
        ledger_.withdraw(name, now_);
        current_.erase(name);
        follow();
        REQUIRE(waiting_of(name).empty());
    }

    void follow() {
        ledger_.take_orders(orders_);
        for (const auto& order : orders_) follow(order);
    }

    void follow(const Order& order) {
        switch (order.what) {
            case Order::What::launch: {
                REQUIRE_FALSE(launching_.contains(order.slot));
                REQUIRE_FALSE(ready_.contains(order.slot));
                REQUIRE(slots_.insert(order.slot).second);  // never reused
                launching_[order.slot] = order.function;
                break;
            }
            case Order::What::serve: {
                const auto at = waiting_.find(order.ticket);
                REQUIRE(at != waiting_.end());
                const auto name = at->second;
                REQUIRE(waiting_of(name).front() == order.ticket);  // first come, first served
                waiting_.erase(at);
                occupy(order.slot, name, order.wake);
                break;
            }
            case Order::What::refuse: {
                REQUIRE_FALSE(order.error.detail.empty());
                REQUIRE(waiting_.erase(order.ticket) == 1);
                break;
            }
            case Order::What::retire: {
                if (launching_.erase(order.slot) == 1) break;
                REQUIRE(ready_.contains(order.slot));
                REQUIRE(ready_.at(order.slot).events == 0);
                ready_.erase(order.slot);
                break;
            }
            case Order::What::pause: {
                auto& ready = ready_.at(order.slot);
                REQUIRE(ready.events == 0);
                REQUIRE_FALSE(ready.paused);
                ready.paused = true;
                break;
            }
        }
    }

    void occupy(Slot slot, const std::string& name, bool wake) {
        REQUIRE(ready_.contains(slot));
        auto& ready = ready_.at(slot);
        const auto& scale = ready.function->spec.scale;
        REQUIRE(ready.function->spec.name == name);
        REQUIRE(ready.paused == wake);
        REQUIRE_FALSE(ready.closed);
        ready.paused = false;
        REQUIRE(++ready.events <= (scale.reuse ? scale.concurrency : 1));
        ++ready.ever;
        if (!scale.reuse) REQUIRE(ready.ever == 1);
        if (scale.max_invocations > 0) REQUIRE(ready.ever <= scale.max_invocations);
        held_.insert(slot);
        ++served_;
    }

    std::vector<Ticket> waiting_of(const std::string& name) const {
        std::vector<Ticket> found;
        for (const auto& [ticket, function] : waiting_) {
            if (function == name) found.push_back(ticket);
        }
        return found;
    }

    /// The ledger's counts are the model's.
    void agree() {
        const auto counts = ledger_.counts();
        REQUIRE(counts.waiting == static_cast<int>(waiting_.size()));
        REQUIRE(counts.events == static_cast<int>(held_.size()));
        REQUIRE(counts.in(State::launching) == static_cast<int>(launching_.size()));
        REQUIRE(counts.instances() == static_cast<int>(launching_.size() + ready_.size()));
        for (const auto& [name, function] : current_) {
            const auto of = ledger_.counts(name);
            const int serving = of.instances() - of.in(State::retiring);
            // Instances of an earlier version may be more than a later one's max; none of this version may.
            int fresh = 0;
            for (const auto& slot : ledger_.slots(name)) {
                fresh += slot.state != State::retiring && slot.function->version == function->version ? 1 : 0;
            }
            REQUIRE(fresh <= function->spec.scale.max);
            if (fresh == serving) REQUIRE(of.instances() <= 2 * 5 + 1);
        }
    }

    std::mt19937_64 random_;
    pool::Totals totals_;
    pool::Tuning tuning_{};
    pool::Ledger ledger_;
    Instant now_{1h};
    Ticket last_ = 0;
    std::uint64_t served_ = 0;
    std::map<std::string, function::FunctionPtr> current_;
    std::map<std::string, std::int64_t> versions_;
    std::map<Ticket, std::string> waiting_;
    std::map<Slot, function::FunctionPtr> launching_;
    std::map<Slot, Ready> ready_;
    std::multiset<Slot> held_;
    std::set<Slot> slots_;
    std::vector<Order> orders_;
};

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
    const char* given = std::getenv(variable);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

}  // namespace

TEST_CASE("a seeded simulation keeps every invariant after each step, and ends with nobody waiting", "[pool]") {
    const auto seed = number("SHALLOP_SEED", std::random_device{}());
    const auto steps = number("SHALLOP_STEPS", 200'000);
    UNSCOPED_INFO("SHALLOP_SEED=" << seed);
    constexpr std::uint64_t episode = 5'000;
    std::uint64_t served = 0;
    for (std::uint64_t i = 0; i * episode < steps; ++i) {
        INFO("SHALLOP_SEED=" << seed << ", episode " << i);
        Simulation simulation(seed + i, i % 2 == 1);
        for (std::uint64_t step = 0; step < episode; ++step) simulation.step();
        simulation.finish();
        served += simulation.served();
    }
    CHECK(served > steps / 20);
}
