// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/store.h>

#include "component/store/support.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using store::ScheduleNote;
using store::StoredSchedule;
using test::Opened;
using test::some_function;
using test::TempDir;

namespace {

StoredSchedule some_schedule(const std::string& id, const std::string& function) {
    return {function, R"({"cron":"@hourly"})", 1, 2, 3, {id, 4, 5, "inv", "queued"}};
}

}  // namespace

TEST_CASE("schedules are there again when a store is opened again", "[store]") {
    TempDir dir;
    {
        Opened opened(dir.path());
        CHECK(opened.run(opened->load_schedules()).value().empty());
        REQUIRE(opened.run(opened->put_schedule(some_schedule("b", "f"))));
        REQUIRE(opened.run(opened->put_schedule(some_schedule("a", "f"))));
        REQUIRE(opened.run(opened->put_schedule(some_schedule("c", "f"))));
        REQUIRE(opened.run(opened->remove_schedule("c")));
        REQUIRE(opened.run(opened->remove_schedule("never-was")));
    }
    Opened opened(dir.path());
    const auto all = opened.run(opened->load_schedules()).value();
    REQUIRE(all.size() == 2);
    CHECK(all[0].note.id == "a");
    CHECK(all[1].note.id == "b");
    CHECK(all[0].function == "f");
    CHECK(all[0].plan == R"({"cron":"@hourly"})");
    CHECK(all[0].created == 1);
    CHECK(all[0].updated == 2);
    CHECK(all[0].anchor == 3);
    CHECK(all[0].note.done == 4);
    CHECK(all[0].note.last_tick == 5);
    CHECK(all[0].note.last_invocation == "inv");
    CHECK(all[0].note.last_outcome == "queued");
}

TEST_CASE("a note changes what changes with ticks, and makes no schedule", "[store]") {
    TempDir dir;
    Opened opened(dir.path());
    REQUIRE(opened.run(opened->put_schedule(some_schedule("a", "f"))));
    REQUIRE(opened.run(opened->note_schedules({{"a", 40, 50, "later", "skipped"}, {"gone", 1, 1, "", ""}})));
    const auto all = opened.run(opened->load_schedules()).value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].plan == R"({"cron":"@hourly"})");
    CHECK(all[0].anchor == 3);
    CHECK(all[0].note.done == 40);
    CHECK(all[0].note.last_tick == 50);
    CHECK(all[0].note.last_invocation == "later");
    CHECK(all[0].note.last_outcome == "skipped");
}

TEST_CASE("a function takes its schedules with it", "[store]") {
    TempDir dir;
    Opened opened(dir.path());
    REQUIRE(opened.run(opened->put_function(some_function("f", 1))));
    REQUIRE(opened.run(opened->put_schedule(some_schedule("a", "f"))));
    REQUIRE(opened.run(opened->put_schedule(some_schedule("b", "g"))));
    REQUIRE(opened.run(opened->remove_function("f")));
    const auto all = opened.run(opened->load_schedules()).value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].note.id == "b");
}
