// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/cron.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using trigger::Cron;
using trigger::Tick;
using trigger::Zone;

namespace {

Tick utc(int y, unsigned mo, unsigned d, int h = 0, int mi = 0, int s = 0) {
    using namespace std::chrono;
    return sys_days(year(y) / month(mo) / day(d)) + hours(h) + minutes(mi) + seconds(s);
}

/// The next ticks, as text.
std::vector<std::string> runs(const std::string& expression, Tick after, std::size_t count,
                              const std::string& zone_name = "UTC") {
    const auto cron = Cron::parse(expression);
    REQUIRE(cron);
    const auto zone = Zone::find(zone_name);
    REQUIRE(zone);
    std::vector<std::string> all;
    for (const auto tick : trigger::next_ticks(*cron, *zone, after, after, count))
        all.push_back(trigger::format_local(tick, *zone));
    return all;
}

using Runs = std::vector<std::string>;

struct Refusal {
    std::string expression, says;
};

}  // namespace

TEST_CASE("the five fields are minute, hour, day of month, month and day of week", "[trigger]") {
    const auto from = utc(2026, 11, 21, 18, 44);  // a Saturday
    CHECK(runs("5 * * * *", from, 2) == Runs{"2026-11-21T19:05:00Z", "2026-11-21T20:05:00Z"});
    CHECK(runs("0 4 * * *", from, 2) == Runs{"2026-11-22T04:00:00Z", "2026-11-23T04:00:00Z"});
    CHECK(runs("0 0 15 * *", from, 2) == Runs{"2026-12-15T00:00:00Z", "2027-01-15T00:00:00Z"});
    CHECK(runs("0 0 1 3 *", from, 1) == Runs{"2027-03-01T00:00:00Z"});
    CHECK(runs("0 0 * * 1", from, 2) == Runs{"2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"});
}

TEST_CASE("a tick is later than the time it is asked after", "[trigger]") {
    CHECK(runs("44 18 * * *", utc(2026, 11, 21, 18, 44), 1) == Runs{"2026-11-22T18:44:00Z"});
    CHECK(runs("44 18 * * *", utc(2026, 11, 21, 18, 43, 59), 1) == Runs{"2026-11-21T18:44:00Z"});
    CHECK(runs("* * * * *", utc(2026, 11, 21, 18, 44, 1), 1) == Runs{"2026-11-21T18:45:00Z"});
}

TEST_CASE("fields take lists, ranges, steps and names in any case", "[trigger]") {
    const auto from = utc(2026, 11, 20, 23, 59);  // the night to a Saturday
    CHECK(runs("0,30 8-18/5 * * *", from, 4) ==
          Runs{"2026-11-21T08:00:00Z", "2026-11-21T08:30:00Z", "2026-11-21T13:00:00Z", "2026-11-21T13:30:00Z"});
    CHECK(runs("*/20 0 * * *", from, 3) ==
          Runs{"2026-11-21T00:00:00Z", "2026-11-21T00:20:00Z", "2026-11-21T00:40:00Z"});
    CHECK(runs("0 0 1 jan,JUL *", from, 2) == Runs{"2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z"});
    CHECK(runs("0 0 * * Mon-wed", from, 3) ==
          Runs{"2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"});
    CHECK(runs("0 0 * * sat-SUN", from, 3) ==
          Runs{"2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-28T00:00:00Z"});
    CHECK(Cron::parse(" \t0  0 * *\t* ").value().text() == "0 0 * * *");
}

TEST_CASE("0 and 7 are Sunday, alone and in ranges", "[trigger]") {
    const auto from = utc(2026, 11, 21);
    CHECK(runs("0 0 * * 0", from, 1) == Runs{"2026-11-22T00:00:00Z"});
    CHECK(runs("0 0 * * 7", from, 1) == Runs{"2026-11-22T00:00:00Z"});
    CHECK(runs("0 0 * * 5-7", from, 3) == Runs{"2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"});
    CHECK(runs("0 0 * * 0-1", from, 2) == Runs{"2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"});
}

TEST_CASE("a day of month or a day of week will do where both are restricted", "[trigger]") {
    const auto from = utc(2026, 11, 21);
    CHECK(runs("0 0 25 * MON", from, 3) ==
          Runs{"2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z", "2026-11-30T00:00:00Z"});
    // Where one begins with '*', as in Vixie's cron, the day has to fit both.
    CHECK(runs("0 0 */2 * MON", from, 2) == Runs{"2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z"});
    CHECK(runs("0 0 13 * *", from, 1) == Runs{"2026-12-13T00:00:00Z"});
}

TEST_CASE("words stand for expressions", "[trigger]") {
    const auto from = utc(2026, 11, 21, 18, 44);
    CHECK(runs("@hourly", from, 1) == Runs{"2026-11-21T19:00:00Z"});
    CHECK(runs("@daily", from, 1) == Runs{"2026-11-22T00:00:00Z"});
    CHECK(runs("@midnight", from, 1) == Runs{"2026-11-22T00:00:00Z"});
    CHECK(runs("@weekly", from, 1) == Runs{"2026-11-22T00:00:00Z"});
    CHECK(runs("@monthly", from, 1) == Runs{"2026-12-01T00:00:00Z"});
    CHECK(runs("@yearly", from, 1) == Runs{"2027-01-01T00:00:00Z"});
    CHECK(runs("@annually", from, 1) == Runs{"2027-01-01T00:00:00Z"});
}

TEST_CASE("an interval counts from its anchor, on both sides of it", "[trigger]") {
    const auto cron = Cron::parse("@every 90s").value();
    const auto anchor = utc(2026, 11, 21, 12, 0, 10);
    const auto s = [](int count) { return std::chrono::seconds(count); };
    CHECK(cron.next(anchor, Zone(), anchor) == anchor + s(90));
    CHECK(cron.next(anchor + s(89), Zone(), anchor) == anchor + s(90));
    CHECK(cron.next(anchor + s(90), Zone(), anchor) == anchor + s(180));
    CHECK(cron.next(anchor - s(1), Zone(), anchor) == anchor);
    CHECK(cron.next(anchor - s(90), Zone(), anchor) == anchor);
    CHECK(cron.next(anchor - s(91), Zone(), anchor) == anchor - s(90));
    CHECK(cron.interval() == s(90));
    CHECK(Cron::parse("@every 1h30m").value().interval() == s(5400));
    CHECK(Cron::parse("@every 2d").value().interval() == s(172800));
}

TEST_CASE("a leap day is waited for", "[trigger]") {
    CHECK(runs("0 0 29 2 *", utc(2026, 11, 21), 2) == Runs{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"});
    // On a Sunday as well: */7 of the weekdays is day 0 alone, and both have to fit.
    CHECK(runs("0 0 29 2 */7", utc(2026, 11, 21), 2) == Runs{"2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z"});
    // The longest wait that there is: 2100 is no leap year.
    CHECK(runs("0 0 29 2 */7", utc(2088, 3, 1), 1) == Runs{"2128-02-29T00:00:00Z"});
}

TEST_CASE("what cannot be read is refused with the field and what to write", "[trigger]") {
    const std::vector<Refusal> table{
        {"", "is missing"},
        {"   ", "is missing"},
        {"* * * *", "this has 4: write '*'"},
        {"0 * * * * *", "take out the one for seconds"},
        {"60 * * * *", "the minute field: '60' is no value of it: write 0-59"},
        {"-1 * * * *", "the minute field"},
        {"* 24 * * *", "the hour field: '24' is no value of it: write 0-23"},
        {"* * 0 * *", "the day-of-month field: '0' is no value of it: write 1-31"},
        {"* * 32 * *", "the day-of-month field"},
        {"* * * 13 *", "the month field: '13' is no value of it: write 1-12 or JAN-DEC"},
        {"* * * * 8", "the day-of-week field: '8' is no value of it: write 0-7 or SUN-SAT"},
        {"* * * * MONDAY", "the day-of-week field"},
        {"* * * MON *", "the month field"},
        {"? * * * *", "write '*'"},
        {"* * L * *", "an extension"},
        {"* * 15W * *", "an extension"},
        {"* * * * 5#3", "an extension"},
        {"5/15 * * * *", "write 5-59/15"},
        {"*/0 * * * *", "is no number from 1 to 60"},
        {"*/61 * * * *", "is no number from 1 to 60"},
        {"*/x * * * *", "is no number"},
        {"*/ * * * *", "is no number"},
        {"0-10-20 * * * *", "the minute field"},
        {"30-10 * * * *", "write it as two, 30-59,0-10"},
        {"* * * * FRI-MON", "write it as two, FRI-6,0-MON"},
        {"1,,2 * * * *", "take the comma out"},
        {",1 * * * *", "take the comma out"},
        {"1, * * * *", "take the comma out"},
        {"99999999999 * * * *", "the minute field"},
        {"*5 * * * *", "the minute field"},
        {"1 2 3 4 5\n", "plain ASCII"},
        {"1 2 3 4 ☃", "plain ASCII"},
        {"@reboot", "'@reboot' is not known: write one of @hourly"},
        {"@hourly 5", "stands alone"},
        {"@every", "@every takes one duration"},
        {"@every 0s", "@every takes one duration"},
        {"@every 500ms", "@every takes one duration"},
        {"@every 1.5s", "@every takes one duration"},
        {"@every -5s", "@every takes one duration"},
        {"@every 5s 5s", "@every takes one duration"},
        {"@every soon", "@every takes one duration"},
        {"CRON_TZ=UTC 0 0 * * *", "time_zone"},
        {"0 0 30 2 *", "no date ever fits"},
        {"0 0 31 2,4,6,9,11 *", "no date ever fits"},
        {"0 0 31 4 */2", "no date ever fits"},
        {std::string(300, '*'), "at most 256 characters"},
    };
    for (const auto& row : table) {
        CAPTURE(row.expression);
        const auto cron = Cron::parse(row.expression);
        REQUIRE_FALSE(cron);
        const auto error = cron.error();
        CAPTURE(error.detail);
        CHECK(error.fault == base::Fault::invalid);
        CHECK(error.detail.find(row.says) != std::string::npos);
    }
}

TEST_CASE("an impossible day of month is fine where a day of week will do", "[trigger]") {
    CHECK(runs("0 0 30 2 MON", utc(2026, 11, 21), 1) == Runs{"2027-02-01T00:00:00Z"});
}

TEST_CASE("a fixed time that clocks skip runs once, just after the gap", "[trigger]") {
    // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
    const auto before = utc(2026, 3, 27, 23, 30);
    CHECK(runs("30 2 * * *", before, 3, "Europe/Berlin") ==
          Runs{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"});
    // Both were skipped, and the gap's end is a time of its own: one run for the three.
    CHECK(runs("0,30 2,3 29 3 *", before, 3, "Europe/Berlin") ==
          Runs{"2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2027-03-29T02:00:00+02:00"});
    CHECK(runs("0 2 * * *", utc(2026, 3, 29, 1), 1, "Europe/Berlin") == Runs{"2026-03-30T02:00:00+02:00"});
}

TEST_CASE("a fixed time that comes twice runs the first time only", "[trigger]") {
    // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC.
    CHECK(runs("30 2 * * *", utc(2026, 10, 24, 12), 2, "Europe/Berlin") ==
          Runs{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"});
    CHECK(runs("0 3 * * *", utc(2026, 10, 24, 12), 1, "Europe/Berlin") == Runs{"2026-10-25T03:00:00+01:00"});
    // Asked for between the two.
    CHECK(runs("30 2 * * *", utc(2026, 10, 25, 1, 10), 1, "Europe/Berlin") == Runs{"2026-10-26T02:30:00+01:00"});
}

TEST_CASE("an hour field over all hours goes on with real time", "[trigger]") {
    CHECK(runs("30 * * * *", utc(2026, 10, 25, 0, 0), 4, "Europe/Berlin") ==
          Runs{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00",
               "2026-10-25T04:30:00+01:00"});
    CHECK(runs("30 * * * *", utc(2026, 3, 29, 0, 0), 3, "Europe/Berlin") ==
          Runs{"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00"});
    // A step that names a skipped hour: that hour did not come.
    CHECK(runs("0 */2 * * *", utc(2026, 3, 28, 23, 30), 2, "Europe/Berlin") ==
          Runs{"2026-03-29T04:00:00+02:00", "2026-03-29T06:00:00+02:00"});
    CHECK(runs("30 0-23 * * *", utc(2026, 10, 25, 0, 0), 2, "Europe/Berlin") ==
          Runs{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"});
}

TEST_CASE("a clock that is set by half an hour, at midnight, or by a day is followed", "[trigger]") {
    CHECK(runs("15 2 * * *", utc(2026, 10, 2, 12), 2, "Australia/Lord_Howe") ==
          Runs{"2026-10-03T02:15:00+10:30", "2026-10-04T02:30:00+11:00"});
    CHECK(runs("45 1 * * *", utc(2026, 4, 3, 14), 3, "Australia/Lord_Howe") ==
          Runs{"2026-04-04T01:45:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"});
    CHECK(runs("0 0 * * *", utc(2018, 11, 3, 0), 3, "America/Sao_Paulo") ==
          Runs{"2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"});
    // Samoa had no 30 December 2011.
    CHECK(runs("0 12 30 12 *", utc(2011, 12, 1), 2, "Pacific/Apia") ==
          Runs{"2011-12-31T00:00:00+14:00", "2012-12-30T12:00:00+14:00"});
}

TEST_CASE("a time zone that is not there is refused with those that are like it", "[trigger]") {
    const auto refused = [](const std::string& name) {
        const auto zone = Zone::find(name);
        REQUIRE_FALSE(zone);
        CHECK(zone.error().fault == base::Fault::invalid);
        return zone.error().detail;
    };
    CHECK(refused("Europe/Berln").find("is it Europe/Berlin") != std::string::npos);
    CHECK(refused("berlin").find("Europe/Berlin") != std::string::npos);
    CHECK(refused("new york").find("America/New_York") != std::string::npos);
    CHECK(refused("Mars/Olympus_Mons").find("such as Europe/Berlin") != std::string::npos);
    CHECK(refused("").find("such as Europe/Berlin") != std::string::npos);
    CHECK(refused("../../etc/passwd").find("no time zone") != std::string::npos);
    CHECK(refused("x\x01y\n").find('\n') == std::string::npos);
    CHECK(Zone::find("UTC").value().name() == "UTC");
    CHECK(Zone::find("Asia/Kathmandu").value().name() == "Asia/Kathmandu");
}
