// SPDX-License-Identifier: Apache-2.0
#include "component/trigger/support.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using test::Harbour;
using trigger::Tick;
using namespace std::chrono_literals;
using Times = std::vector<std::string>;

namespace {

/// On the day that the clock starts at, 00:00:00 UTC.
std::string at(const std::string& time) { return "2026-11-21T" + time + "Z"; }

Tick day_start() { return std::chrono::sys_days(std::chrono::year(2026) / 11 / 21); }

const std::string hourly = R"({"cron":"0 * * * *","overlap":"allow"})";

}  // namespace

TEST_CASE("a tick is put when its time comes, once, with its key and its time", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", R"({"cron":"0 * * * *","path":"/x","body":"hi"})");
    harbour.advance(59min + 59s);
    CHECK(harbour.runs.kept.empty());
    harbour.advance(1s);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    const auto& order = harbour.runs.kept.at(0).order;
    CHECK(order.event.function == "f");
    CHECK(order.event.path_info == "/x");
    CHECK(order.body == "hi");
    CHECK(order.origin == "schedule:" + id);
    CHECK(order.idempotency_key == id + "@" + at("01:00:00"));
    CHECK(*base::find_field(order.event.fields, "Shallop-Schedule") == id);
    CHECK(harbour.runs.times() == Times{at("01:00:00")});
    harbour.advance(30min);
    CHECK(harbour.runs.puts == 1);
    const auto shown = harbour.show(id);
    REQUIRE(shown->last);
    CHECK(shown->last->tick == day_start() + 1h);
    CHECK(shown->last->invocation == "inv-1");
    CHECK(shown->last->outcome == "queued");
    harbour.runs.end_all();
    CHECK(harbour.show(id)->last->outcome == "succeeded");
}

TEST_CASE("a restart puts no tick twice and makes up for one that was missed", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", hourly);
    harbour.advance(1h);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    harbour.kill();
    harbour.start();
    CHECK(harbour.runs.puts == 1);
    harbour.kill();
    harbour.clock.advance(2h + 40min);
    harbour.start();
    harbour.until([&] { return harbour.runs.kept.size() == 2; });
    CHECK(harbour.runs.times() == Times{at("01:00:00"), at("03:00:00")});
    CHECK(harbour.show(id)->last->tick == day_start() + 3h);
}

TEST_CASE("a crash between a put and its note gives no second run", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", R"({"cron":"0 * * * *","overlap":"allow","catch_up":"all"})");
    async::Condition never(harbour.loop.executor());
    harbour.runs.stop_after_put = &never;
    harbour.clock.advance(1h);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    harbour.kill();
    harbour.runs.stop_after_put = nullptr;
    harbour.start();
    harbour.until([&] { return harbour.runs.puts == 2; });
    CHECK(harbour.runs.kept.size() == 1);
    harbour.until([&] { return harbour.show(id)->last.has_value(); });
    CHECK(harbour.show(id)->last->invocation == "inv-1");
}

TEST_CASE("a clock that is set forward is noticed within half a minute, and the rule for missed ticks holds",
          "[trigger]") {
    Harbour harbour;
    harbour.start();
    harbour.add("f", R"({"cron":"0 * * * *","overlap":"allow","catch_up":"none"})");
    harbour.add("g", R"({"cron":"0 * * * *","overlap":"allow","catch_up":"one"})");
    harbour.add("h", R"({"cron":"0 * * * *","overlap":"allow","catch_up":"all","catch_up_deadline":"1d"})");
    harbour.clock.set_wall(day_start() + 3h + 30min);
    CHECK(harbour.runs.kept.empty());
    harbour.advance(30s);
    harbour.until([&] { return harbour.runs.kept.size() == 4; });
    std::map<std::string, int> by_function;
    for (const auto& one : harbour.runs.kept) ++by_function[one.order.event.function];
    CHECK(by_function == std::map<std::string, int>{{"g", 1}, {"h", 3}});
    harbour.advance(30min);
    harbour.until([&] { return harbour.runs.kept.size() == 7; });
}

TEST_CASE("a clock that is set back repeats no tick, and one set back by a day goes on at once", "[trigger]") {
    Harbour harbour;
    harbour.start();
    harbour.add("f", hourly);
    harbour.clock.set_wall(day_start() + 23h + 59min);
    harbour.advance(1min);  // midnight of the next day, and what was missed on the way to it
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    harbour.clock.set_wall(day_start() + 22h + 30min);
    harbour.advance(30s);
    harbour.advance(1h);
    CHECK(harbour.runs.puts == 1);
    harbour.advance(1h + 29min + 30s);  // one o'clock
    harbour.until([&] { return harbour.runs.puts == 2; });
    harbour.clock.set_wall(day_start() - 24h + 30min);
    harbour.advance(30s);
    CHECK(harbour.runs.puts == 2);
    harbour.advance(29min + 30s);
    harbour.until([&] { return harbour.runs.puts == 3; });
    CHECK(harbour.runs.times() == Times{"2026-11-22T00:00:00Z", "2026-11-22T01:00:00Z", "2026-11-20T01:00:00Z"});
}

TEST_CASE("what a clock that was wrong by hours ran too early runs when its time really comes, once", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", hourly);
    Times expected;
    const auto pass = [&](const std::string& time) {
        expected.push_back(at(time));
        harbour.advance(1h);
        harbour.until([&] { return harbour.show(id)->last->tick == harbour.scheduler().now() - 30min - 30s; });
        CHECK(harbour.runs.times() == expected);
    };
    harbour.clock.set_wall(day_start() + 6h + 30min);
    harbour.advance(30s);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    expected.push_back(at("06:00:00"));
    for (const auto* time : {"07:00:00", "08:00:00", "09:00:00", "10:00:00", "11:00:00"}) pass(time);
    SECTION("which the daemon sees") {
        harbour.clock.set_wall(day_start() + 5h + 30min);
        harbour.advance(30s);
    }
    SECTION("which the daemon sees, and it is not there at the next time") {
        harbour.clock.set_wall(day_start() + 5h + 30min);
        harbour.advance(30s);
        harbour.kill();
        harbour.clock.advance(30min);
        harbour.start();
        harbour.until([&] { return harbour.runs.kept.size() == 7; });
        expected.push_back(at("06:00:00"));
        harbour.advance(30min);
    }
    SECTION("which was set right while the daemon was away") {
        harbour.kill();
        harbour.clock.set_wall(day_start() + 5h + 30min + 30s);
        harbour.start();
    }
    SECTION("and a patch comes first") {
        harbour.clock.set_wall(day_start() + 5h + 30min + 30s);
        REQUIRE(harbour.loop.run(harbour.scheduler().patch(id, R"({"cron":"0 0-23 * * *"})")));
        harbour.settle();
    }
    if (expected.back() != at("06:00:00")) pass("06:00:00");
    pass("07:00:00");
    harbour.kill();
    harbour.start();
    for (const auto* time : {"08:00:00", "09:00:00"}) pass(time);
    // Nor does a crash between a put and its note give a second run.
    async::Condition never(harbour.loop.executor());
    harbour.runs.stop_after_put = &never;
    harbour.clock.advance(1h);
    harbour.until([&] { return harbour.runs.kept.size() == expected.size() + 1; });
    expected.push_back(at("10:00:00"));
    harbour.kill();
    harbour.runs.stop_after_put = nullptr;
    const auto puts = harbour.runs.puts;
    harbour.start();
    harbour.until([&] { return harbour.runs.puts == puts + 1; });
    CHECK(harbour.runs.times() == expected);
    for (const auto* time : {"11:00:00", "12:00:00"}) pass(time);
}

TEST_CASE("forbid skips a tick while the run before has not ended", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", R"({"cron":"0 * * * *"})");
    harbour.advance(1h);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    CHECK(harbour.runs.kept.at(0).order.ordering_key == "schedule:" + id);
    harbour.runs.kept.at(0).state = "running";
    harbour.advance(1h);
    harbour.until([&] { return harbour.show(id)->last->tick == day_start() + 2h; });
    CHECK(harbour.show(id)->last->outcome == "skipped: the run before is running");
    harbour.advance(1h);
    CHECK(harbour.runs.puts == 1);
    harbour.runs.end_all();
    harbour.advance(1h);
    harbour.until([&] { return harbour.runs.puts == 2; });
    CHECK(harbour.runs.times() == Times{at("01:00:00"), at("04:00:00")});
}

TEST_CASE("allow puts a tick beside the run before, and replace cancels that", "[trigger]") {
    Harbour harbour;
    harbour.start();
    harbour.add("f", hourly);
    harbour.add("g", R"({"cron":"30 * * * *","overlap":"replace"})");
    harbour.advance(30min);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    CHECK(harbour.runs.kept.at(0).order.ordering_key.empty());
    harbour.advance(30min);
    harbour.advance(30min);
    harbour.until([&] { return harbour.runs.kept.size() == 3; });
    CHECK(harbour.runs.cancelled == std::vector<std::string>{"inv-1"});
    harbour.advance(30min);
    harbour.until([&] { return harbour.runs.kept.size() == 4; });
    CHECK(harbour.runs.cancelled.size() == 1);
}

TEST_CASE("all missed ticks run one after the other where overlap is forbidden", "[trigger]") {
    Harbour harbour;
    harbour.start();
    harbour.add("f", R"({"cron":"0 * * * *","catch_up":"all","catch_up_deadline":"1d"})");
    harbour.kill();
    harbour.clock.advance(4h + 30min);
    harbour.start();
    harbour.until([&] { return harbour.runs.kept.size() == 4; });
    for (const auto& one : harbour.runs.kept) CHECK_FALSE(one.order.ordering_key.empty());
    CHECK(harbour.runs.times() == Times{at("01:00:00"), at("02:00:00"), at("03:00:00"), at("04:00:00")});
}

TEST_CASE("ticks that a jitter brings together run one after the other where overlap is forbidden", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", R"({"cron":"* * * * *","jitter":"10m"})");
    Times all;
    for (int minute = 1; minute <= 50; ++minute)
        all.push_back(at("00:" + std::string(minute < 10 ? "0" : "") + std::to_string(minute) + ":00"));
    const auto ends_all = [&] {
        harbour.runs.end_all();
        return harbour.runs.kept.size() >= 50;
    };
    for (int step = 0; step < 3600 && !ends_all(); ++step) harbour.advance(1s);
    auto times = harbour.runs.times();
    REQUIRE(times.size() >= 50);
    times.resize(50);
    CHECK(times == all);
    for (const auto& one : harbour.runs.kept) CHECK(one.order.ordering_key == "schedule:" + id);
}

TEST_CASE("a tick that cannot be put now is tried again, and one that never can is given up", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", hourly);
    harbour.runs.fault = Fault::overloaded;
    harbour.advance(1h);
    harbour.until([&] { return harbour.runs.puts == 1; });
    harbour.advance(5s);
    harbour.until([&] { return harbour.runs.puts == 2; });
    harbour.runs.fault.reset();
    harbour.advance(5s);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    CHECK(harbour.runs.times() == Times{at("01:00:00")});
    harbour.runs.fault = Fault::not_found;
    harbour.advance(1h);
    harbour.until([&] { return harbour.show(id)->last->outcome == "refused: the test says so"; });
    const auto puts = harbour.runs.puts;
    harbour.advance(5min);
    CHECK(harbour.runs.puts == puts);
}

TEST_CASE("a pause holds ticks off, and they are not made up for", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", hourly);
    REQUIRE(harbour.loop.run(harbour.scheduler().set_paused(id, true)));
    harbour.advance(3h + 30min);
    CHECK(harbour.runs.kept.empty());
    harbour.kill();
    harbour.start();
    CHECK(harbour.show(id)->plan.paused);
    REQUIRE(harbour.loop.run(harbour.scheduler().set_paused(id, false)));
    harbour.settle();
    CHECK(harbour.runs.kept.empty());
    harbour.advance(30min);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    CHECK(harbour.runs.times() == Times{at("04:00:00")});
}

TEST_CASE("a patch gives new times from now on", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", hourly);
    harbour.advance(20min);
    const auto patched = harbour.loop.run(harbour.scheduler().patch(id, R"({"cron":"@every 10m"})"));
    REQUIRE(patched);
    CHECK((*patched)->updated == day_start() + 20min);
    CHECK((*patched)->created == day_start());
    harbour.settle();
    harbour.advance(10min);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    CHECK(harbour.runs.times() == Times{at("00:30:00")});
    CHECK(harbour.loop.run(harbour.scheduler().patch(id, R"({"cron":"x"})")).error().pointer == "/cron");
    CHECK(harbour.loop.run(harbour.scheduler().patch("none", "{}")).error().fault == Fault::not_found);
}

TEST_CASE("a schedule that is removed runs no more, nor after a restart", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", hourly);
    REQUIRE(harbour.loop.run(harbour.scheduler().remove(id)));
    CHECK(harbour.loop.run(harbour.scheduler().remove(id)).error().fault == Fault::not_found);
    harbour.kill();
    harbour.start();
    CHECK(harbour.scheduler().size() == 0);
    harbour.advance(1h);
    CHECK(harbour.runs.kept.empty());
}

TEST_CASE("a function takes its schedules with it, and a removed one gets none", "[trigger]") {
    Harbour harbour;
    bool there = true;
    harbour.function_there = [&](const std::string&) { return there; };
    harbour.start();
    harbour.add("f", hourly);
    harbour.add("g", hourly);
    REQUIRE(harbour.loop.run(harbour.store().remove_function("f")));
    harbour.scheduler().forget("f");
    CHECK(harbour.scheduler().size() == 1);
    there = false;
    CHECK(harbour.loop.run(harbour.scheduler().add("h", hourly)).error().fault == Fault::not_found);
    CHECK(harbour.loop.run(harbour.store().load_schedules()).value().size() == 1);
    harbour.advance(1h);
    harbour.until([&] { return harbour.runs.kept.size() == 1; });
    CHECK(harbour.runs.kept.at(0).order.event.function == "g");
}

TEST_CASE("a run that is asked for comes at once, also of a schedule that pauses", "[trigger]") {
    Harbour harbour;
    harbour.start();
    const auto id = harbour.add("f", R"({"cron":"0 * * * *","paused":true})");
    const auto first = harbour.loop.run(harbour.scheduler().run_now(id));
    REQUIRE(first);
    CHECK(*first == "inv-1");
    CHECK(harbour.loop.run(harbour.scheduler().run_now(id)).value() == "inv-2");
    CHECK(harbour.show(id)->last->invocation == "inv-2");
    CHECK(harbour.loop.run(harbour.scheduler().run_now("none")).error().fault == Fault::not_found);
}

TEST_CASE("there is a limit for a function and one for all", "[trigger]") {
    Harbour harbour;
    trigger::Scheduler::Settings settings;
    settings.of_a_function = 2;
    settings.schedules = 3;
    harbour.start(settings);
    harbour.add("f", hourly);
    harbour.add("f", hourly);
    const auto own = harbour.loop.run(harbour.scheduler().add("f", hourly));
    CHECK(own.error().fault == Fault::conflict);
    harbour.add("g", hourly);
    CHECK(harbour.loop.run(harbour.scheduler().add("h", hourly)).error().fault == Fault::conflict);
}

TEST_CASE("hundreds of schedules that are due at once are all put, each once", "[trigger]") {
    Harbour harbour;
    trigger::Scheduler::Settings settings;
    settings.of_a_function = 1000;
    harbour.start(settings);
    for (int count = 0; count < 200; ++count) REQUIRE(harbour.loop.run(harbour.scheduler().add("f", hourly)));
    harbour.advance(1h);
    harbour.until([&] { return harbour.runs.kept.size() == 200; });
    harbour.settle();
    harbour.settle();
    CHECK(harbour.runs.puts == 200);
    const auto listed = harbour.loop.run(harbour.scheduler().list("", "", 1000));
    REQUIRE(listed.size() == 200);
    for (const auto& one : listed) CHECK(one->last.has_value());
    CHECK(harbour.loop.run(harbour.scheduler().list("f", listed.at(149)->id, 1000)).size() == 50);
    CHECK(harbour.loop.run(harbour.scheduler().list("g", "", 1000)).empty());
}

TEST_CASE("a stored schedule that cannot be read is left out, and the others go on", "[trigger]") {
    Harbour harbour;
    harbour.start();
    harbour.add("f", hourly);
    store::StoredSchedule odd;
    odd.function = "f";
    odd.plan = R"({"cron":"@fortnightly"})";
    odd.note.id = "odd";
    REQUIRE(harbour.loop.run(harbour.store().put_schedule(odd)));
    harbour.kill();
    harbour.start();
    CHECK(harbour.scheduler().size() == 1);
}
