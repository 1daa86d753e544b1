// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/schedule.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace shallop;
using trigger::CatchUp;
using trigger::due;
using trigger::Schedule;
using trigger::Tick;
using namespace std::chrono_literals;

namespace {

/// 21 November 2026, midnight UTC, and so much later.
Tick at(std::chrono::seconds since_midnight) {
    return std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + since_midnight;
}

Schedule schedule(const std::string& cron, Tick done, const std::string& more = "") {
    const auto plan = trigger::parse_plan(R"({"cron":")" + cron + "\"" + more + "}");
    REQUIRE(plan);
    Schedule made;
    made.id = "s1";
    made.function = "f";
    made.plan = *plan;
    made.created = made.updated = made.anchor = made.done = done;
    return made;
}

std::string catch_up(const std::string& word, const std::string& deadline = "1h") {
    return R"(,"catch_up":")" + word + R"(","catch_up_deadline":")" + deadline + "\"";
}

using Ticks = std::vector<Tick>;

}  // namespace

TEST_CASE("nothing is due before its time, and the wake-up is at it", "[trigger]") {
    const auto one = schedule("0 * * * *", at(10min));
    const auto found = due(one, at(59min + 59s));
    CHECK(found.ticks.empty());
    CHECK_FALSE(found.missed);
    CHECK(found.wake == at(1h));
    CHECK(found.done <= at(59min + 59s));
}

TEST_CASE("a tick is due at its second, and not again", "[trigger]") {
    auto one = schedule("0 * * * *", at(10min));
    const auto found = due(one, at(1h));
    CHECK(found.ticks == Ticks{at(1h)});
    CHECK(found.done == at(1h));
    CHECK(found.wake == at(2h));
    one.done = found.done;
    CHECK(due(one, at(1h)).ticks.empty());
    CHECK(due(one, at(1h + 1s)).ticks.empty());
}

TEST_CASE("a tick that is no more than a minute late is on time, whatever catch_up says", "[trigger]") {
    for (const auto* word : {"none", "one", "all"}) {
        CAPTURE(word);
        const auto one = schedule("0 * * * *", at(10min), catch_up(word, "1s"));
        CHECK(due(one, at(1h + 1min)).ticks == Ticks{at(1h)});
        CHECK(due(one, at(1h + 61s)).ticks.empty());
        CHECK(due(one, at(1h + 61s)).missed);
    }
}

TEST_CASE("missed ticks are dropped, or the newest runs, or all do", "[trigger]") {
    const auto now = at(5h + 30min);
    CHECK(due(schedule("0 * * * *", at(10min), catch_up("none", "12h")), now).ticks.empty());
    CHECK(due(schedule("0 * * * *", at(10min), catch_up("one", "12h")), now).ticks == Ticks{at(5h)});
    CHECK(due(schedule("0 * * * *", at(10min), catch_up("all", "12h")), now).ticks ==
          Ticks{at(1h), at(2h), at(3h), at(4h), at(5h)});
    for (const auto* word : {"none", "one", "all"}) {
        const auto found = due(schedule("0 * * * *", at(10min), catch_up(word, "12h")), now);
        CHECK(found.missed == (std::string(word) != "all"));
        CHECK(found.done == at(5h));
        CHECK(found.wake == at(6h));
    }
}

TEST_CASE("one catch-up is the default, within an hour", "[trigger]") {
    CHECK(due(schedule("0 * * * *", at(10min)), at(5h + 30min)).ticks == Ticks{at(5h)});
    CHECK(due(schedule("0 0 * * *", at(-1h)), at(59min)).ticks == Ticks{at(0s)});
    CHECK(due(schedule("0 0 * * *", at(-1h)), at(1h + 1s)).ticks.empty());
}

TEST_CASE("what is older than the deadline is dropped", "[trigger]") {
    const auto found = due(schedule("0 * * * *", at(10min), catch_up("all", "2h")), at(5h + 30min));
    CHECK(found.ticks == Ticks{at(4h), at(5h)});
    CHECK(found.missed);
    const auto none = due(schedule("0 0 * * *", at(-1h), catch_up("all", "2h")), at(3h));
    CHECK(none.ticks.empty());
    CHECK(none.missed);
    CHECK(none.wake == at(24h));
}

TEST_CASE("the newest of several runs alone where it is on time", "[trigger]") {
    CHECK(due(schedule("@every 1s", at(0s), catch_up("one")), at(5s)).ticks == Ticks{at(5s)});
    CHECK(due(schedule("@every 1s", at(0s), catch_up("none")), at(5s)).ticks == Ticks{at(5s)});
    CHECK(due(schedule("@every 1s", at(0s), catch_up("all")), at(3s)).ticks == Ticks{at(1s), at(2s), at(3s)});
}

TEST_CASE("a catch-up of all ends at a hundred", "[trigger]") {
    const auto found = due(schedule("@every 1s", at(0s), catch_up("all", "7d")), at(24h));
    REQUIRE(found.ticks.size() == 100);
    CHECK(found.ticks.back() == at(24h));
    CHECK(found.ticks.front() == at(24h - 99s));
    CHECK(found.missed);
    CHECK(found.done == at(24h));
}

TEST_CASE("years without the daemon are no work", "[trigger]") {
    const auto found = due(schedule("@every 1s", at(0s)), at(24h * 3650));
    CHECK(found.ticks == Ticks{at(24h * 3650)});
    CHECK(found.missed);
}

TEST_CASE("a clock that is set forward drops or catches up, and goes on from there", "[trigger]") {
    const auto one = schedule("0 * * * *", at(1h), catch_up("one", "1h"));
    const auto jumped = due(one, at(24h * 400 + 30min));
    CHECK(jumped.ticks == Ticks{at(24h * 400)});
    CHECK(jumped.wake == at(24h * 400 + 1h));
}

TEST_CASE("a clock that is set back a little is waited for: no tick comes twice", "[trigger]") {
    const auto one = schedule("*/10 * * * *", at(5h));
    for (const auto now : {at(5h - 1s), at(4h), at(2h)}) {
        const auto found = due(one, now);
        CHECK(found.ticks.empty());
        CHECK(found.done == at(5h));
        CHECK(found.wake == at(5h + 10min));
    }
}

TEST_CASE("a clock that was wrong by more than three hours is not waited for", "[trigger]") {
    const auto one = schedule("*/10 * * * *", at(24h * 400));
    const auto found = due(one, at(1h));
    CHECK(found.ticks.empty());
    CHECK(found.done == at(1h));
    CHECK(found.wake == at(1h + 10min));
}

TEST_CASE("a paused schedule has nothing due, ever", "[trigger]") {
    const auto found = due(schedule("* * * * *", at(0s), R"(,"paused":true)"), at(5h));
    CHECK(found.ticks.empty());
    CHECK_FALSE(found.wake);
}

TEST_CASE("jitter delays each tick by its own, constant part", "[trigger]") {
    auto one = schedule("*/5 * * * *", at(0s), R"(,"jitter":"60s")");
    std::vector<std::chrono::seconds> delays;
    Tick now = at(1s);
    for (int step = 0; step < 2000; ++step) {
        const auto found = due(one, now);
        for (const auto tick : found.ticks) {
            CHECK(now == tick + delay_of(one, tick));
            delays.push_back(now - tick);
        }
        one.done = found.done;
        REQUIRE(found.wake);
        REQUIRE(*found.wake > now);
        now = *found.wake;
    }
    CHECK(delays.size() == 2000 - 1);
    CHECK(*std::max_element(delays.begin(), delays.end()) == 60s);
    CHECK(*std::min_element(delays.begin(), delays.end()) == 0s);
    auto other = one;
    other.id = "s2";
    CHECK(delay_of(one, at(5min)) == delay_of(one, at(5min)));
    const auto differ = [&](Tick tick) { return delay_of(one, tick) != delay_of(other, tick); };
    CHECK((differ(at(5min)) || differ(at(10min)) || differ(at(15min))));
}

TEST_CASE("no tick is lost to a jitter that is longer than the interval, and none comes later than it says",
          "[trigger]") {
    for (const auto* word : {"none", "one", "all"}) {
        for (const auto& [cron, jitter, interval] :
             {std::tuple("*/5 * * * *", "10m", 300s), std::tuple("@every 10s", "1h", 10s),
              std::tuple("@every 1s", "1h", 1s)}) {
            CAPTURE(word, cron);
            auto one = schedule(cron, at(0s), catch_up(word, "1s") + R"(,"jitter":")" + jitter + "\"");
            Ticks put;
            Tick now = at(1s);
            while (put.size() < 5000) {
                const auto found = due(one, now);
                REQUIRE_FALSE(found.missed);
                for (const auto tick : found.ticks) {
                    REQUIRE(now >= tick + delay_of(one, tick));
                    REQUIRE(now - tick <= one.plan.jitter);
                    put.push_back(tick);
                }
                one.done = found.done;
                REQUIRE(found.wake);
                REQUIRE(*found.wake > now);
                now = *found.wake;
            }
            for (std::size_t index = 0; index < put.size(); ++index)
                REQUIRE(put[index] == at(0s) + interval * static_cast<std::int64_t>(index + 1));
        }
    }
}

TEST_CASE("with a jitter, what was missed is still what is later than it allows", "[trigger]") {
    const auto late = [](const std::string& word) {
        return due(schedule("*/5 * * * *", at(0s), catch_up(word, "1h") + R"(,"jitter":"1s")"), at(30min + 62s));
    };
    CHECK(late("none").ticks.empty());
    CHECK(late("one").ticks == Ticks{at(30min)});
    CHECK(late("all").ticks.size() == 6);
}

TEST_CASE("each tick of a month is put once, on a clock that is set to and fro", "[trigger]") {
    // A reference by hand: the job runs every ten minutes, whatever the clock does, unless the clock skips its time for good.
    auto one = schedule("*/10 * * * *", at(0s), catch_up("all", "7d"));
    std::vector<Tick> put;
    std::uint64_t random = 42;
    Tick now = at(0s);
    while (now < at(24h * 30)) {
        const auto found = due(one, now);
        put.insert(put.end(), found.ticks.begin(), found.ticks.end());
        one.done = found.done;
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        const auto step = std::chrono::seconds(static_cast<std::int64_t>((random >> 33) % 1800));
        now += step < 600s ? -step : step - 500s;  // back by up to ten minutes, forward by up to twenty
    }
    REQUIRE(put.size() > 4000);
    for (std::size_t at_tick = 0; at_tick < put.size(); ++at_tick) REQUIRE(put[at_tick] == at(10min) + at_tick * 10min);
}
