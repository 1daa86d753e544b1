// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/blocking_pool.h>
#include <shallop/async/race.h>
#include <shallop/async/semaphore.h>
#include <shallop/async/task_group.h>

#include "support/loop.h"
#include "support/manual_clock.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <thread>

using namespace shallop;
using namespace std::chrono_literals;
using async::Task;

namespace {

Task<base::Result<int>> sleep_then(async::Clock& clock, async::Duration time, int value, bool& unwound) {
    struct OnExit {
        bool& flag;
        ~OnExit() { flag = true; }
    } on_exit{unwound};
    co_await clock.sleep_for(time);
    co_return value;
}

Task<void> throws_after(async::Clock& clock, async::Duration time) {
    co_await clock.sleep_for(time);
    throw std::runtime_error("broken");
}

Task<void> sleeps(async::Clock& clock, async::Duration time) { co_await clock.sleep_for(time); }

Task<void> take(async::Semaphore& semaphore, std::vector<int>& order, int who, async::Condition& go, bool& open) {
    auto permit = co_await semaphore.acquire();
    order.push_back(who);
    while (!open) co_await go.wait();
}

}  // namespace

TEST_CASE("within returns what the work returns before the deadline", "[async]") {
    test::Loop loop;
    bool unwound = false;
    auto work = sleep_then(loop.clock(), 1ms, 7, unwound);
    CHECK(loop.run(async::within(loop.clock(), loop.in(10s), std::move(work))).value() == 7);
}

TEST_CASE("within unwinds the work at the deadline and says timed_out", "[async]") {
    test::Loop loop;
    bool unwound = false;
    auto work = sleep_then(loop.clock(), 1h, 7, unwound);
    const auto result = loop.run(async::within(loop.clock(), loop.in(5ms), std::move(work)));
    REQUIRE_FALSE(result);
    CHECK(result.error().fault == base::Fault::timed_out);
    CHECK(unwound);
}

TEST_CASE("race rethrows what the winner threw", "[async]") {
    test::Loop loop;
    CHECK_THROWS_AS(loop.run(async::race(throws_after(loop.clock(), 1ms), sleeps(loop.clock(), 1h))),
                    std::runtime_error);
    CHECK(loop.run(async::race(sleeps(loop.clock(), 1h), sleeps(loop.clock(), 1ms))) == 1);
}

TEST_CASE("both cancels the other when one throws", "[async]") {
    test::Loop loop;
    CHECK_THROWS_AS(loop.run(async::both(sleeps(loop.clock(), 1h), throws_after(loop.clock(), 1ms)), 5s),
                    std::runtime_error);
    loop.run(async::both(sleeps(loop.clock(), 1ms), sleeps(loop.clock(), 2ms)));
}

TEST_CASE("a task group ends what it is told to cancel, and join waits for it", "[async]") {
    test::Loop loop;
    base::Log log;
    async::TaskGroup group(loop.executor(), log);
    for (int i = 0; i < 100; ++i) group.spawn("sleeper", sleeps(loop.clock(), 1h));
    loop.turn();
    CHECK(group.size() == 100);
    group.cancel();
    loop.run(group.join());
    CHECK(group.size() == 0);
}

TEST_CASE("a task cancelled before its first step does not run, and the loop goes on", "[async]") {
    test::Loop loop;
    base::Log log;
    async::TaskGroup group(loop.executor(), log);
    bool unwound = false;
    const auto note = [](async::Clock& clock, bool& flag) -> Task<void> {
        [[maybe_unused]] const auto slept = co_await sleep_then(clock, 1h, 1, flag);
    };
    group.spawn("sleeper", note(loop.clock(), unwound));
    group.cancel();
    loop.run(group.join());
    CHECK(group.size() == 0);
    CHECK_FALSE(unwound);
}

TEST_CASE("a task that cancels its own group at once unwinds at its next wait", "[async]") {
    test::Loop loop;
    base::Log log;
    async::TaskGroup group(loop.executor(), log);
    const auto cancel_self = [](async::TaskGroup& own, async::Clock& clock) -> Task<void> {
        own.cancel();
        co_await clock.sleep_for(1h);
    };
    group.spawn("self", cancel_self(group, loop.clock()));
    loop.run(group.join());
    CHECK(group.size() == 0);
}

TEST_CASE("a semaphore admits first come, first served, and survives a cancelled waiter", "[async]") {
    test::Loop loop;
    base::Log log;
    async::Semaphore semaphore(loop.executor(), 1);
    async::Condition go(loop.executor());
    bool open = false;
    std::vector<int> order;
    async::TaskGroup first(loop.executor(), log);
    async::TaskGroup second(loop.executor(), log);
    async::TaskGroup third(loop.executor(), log);
    first.spawn("take", take(semaphore, order, 1, go, open));
    loop.turn();
    second.spawn("take", take(semaphore, order, 2, go, open));
    loop.turn();
    third.spawn("take", take(semaphore, order, 3, go, open));
    loop.turn();
    CHECK(order == std::vector{1});
    CHECK(semaphore.waiting() == 2);
    second.cancel();
    loop.run(second.join());
    open = true;
    go.notify_all();
    loop.run(third.join());
    CHECK(order == std::vector{1, 3});
    CHECK(semaphore.waiting() == 0);
}

TEST_CASE("blocking work runs off the loop and its value and exception come back", "[async]") {
    test::Loop loop;
    async::BlockingPool pool(2);
    const auto here = std::this_thread::get_id();
    const auto there = loop.run(pool.run([] { return std::this_thread::get_id(); }));
    CHECK(there != here);
    auto broken = pool.run([]() -> int { throw std::runtime_error("no"); });
    CHECK_THROWS_AS(loop.run(std::move(broken)), std::runtime_error);
}

TEST_CASE("manual time wakes only those whose time has come", "[async]") {
    test::Loop loop;
    base::Log log;
    test::ManualClock clock(loop.executor());
    async::TaskGroup group(loop.executor(), log);
    group.spawn("soon", sleeps(clock, 1s));
    group.spawn("late", sleeps(clock, 10s));
    loop.turn();
    clock.advance(2s);
    loop.turn();
    CHECK(group.size() == 1);
    clock.advance(9s);
    loop.turn();
    CHECK(group.size() == 0);
}
