// SPDX-License-Identifier: Apache-2.0
#include "cli/schedule_text.h"

#include "support/complaints.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using Json = nlohmann::ordered_json;

namespace {

Json some_schedule() {
    return Json::parse(R"({"id": "01j", "function": "report", "cron": "30 2 * * *", "time_zone": "Europe/Berlin",
        "method": "POST", "path": "/", "headers": {}, "body": null, "overlap": "forbid", "catch_up": "one",
        "catch_up_deadline": "1h", "jitter": "0s", "paused": false, "created": "2026-03-27T12:00:00Z",
        "updated": "2026-03-27T12:00:00Z", "last": null,
        "next": ["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00"]})");
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a list of schedules says when each runs next and what became of the last", "[cli]") {
    auto all = Json::array({some_schedule(), some_schedule()});
    all[1]["paused"] = true;
    all[1]["next"] = Json::array();
    all[1]["last"] = {{"tick", "2026-03-27T02:30:00+01:00"}, {"invocation", nullptr}, {"outcome", "skipped: x\n"}};
    CHECK(cli::schedule_table(all) ==
          "ID   FUNCTION  CRON        ZONE           NEXT                       LAST\n"
          "01j  report    30 2 * * *  Europe/Berlin  2026-03-28T02:30:00+01:00  -\n"
          "01j  report    30 2 * * *  Europe/Berlin  paused                     2026-03-27T02:30:00+01:00 skipped: "
          "x\\x0a\n");
}

TEST_CASE("one schedule is shown with its next runs and its last", "[cli]") {
    auto one = some_schedule();
    one["last"] = {{"tick", "2026-03-27T02:30:00+01:00"}, {"invocation", "inv"}, {"outcome", "succeeded"}};
    const auto text = cli::schedule_text(one);
    CHECK(contains(text, "cron      30 2 * * *  (Europe/Berlin)\n"));
    CHECK(contains(text, "last      2026-03-27T02:30:00+01:00 succeeded\n          invocation inv\n"));
    CHECK(contains(text, "next      2026-03-28T02:30:00+01:00\n          2026-03-29T03:00:00+02:00\n"));
    one["next"] = Json::array();
    one["paused"] = true;
    CHECK(contains(cli::schedule_text(one), "next      paused\n"));
}

TEST_CASE("a header is a name and a value", "[cli]") {
    CHECK(*cli::header_of("X-A: b: c") == std::pair<std::string, std::string>("X-A", "b: c"));
    CHECK(*cli::header_of("X-A:") == std::pair<std::string, std::string>("X-A", ""));
    REQUIRE_FALSE(cli::header_of("nonsense"));
    CHECK(cli::header_of(": x").error().what == "': x' is no header");
}
