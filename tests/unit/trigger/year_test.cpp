// SPDX-License-Identifier: Apache-2.0
// Whole years of ticks, in zones whose clocks are set in every way there is, against a reference that shares nothing with the code under
// test: each minute of the year is asked of glibc's localtime_r.
#include <shallop/trigger/cron.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <ctime>
#include <functional>
#include <set>

using namespace shallop;
using trigger::Tick;

namespace {

using Fits = std::function<bool(const std::tm&)>;

struct Expression {
    const char* text;
    bool fixed;  ///< the hour field is neither `*` nor a step over all hours
    Fits fits;
};

/// What a weekday and month are, in the reference's own words: std::tm.
const std::vector<Expression>& expressions() {
    using tm = const std::tm&;
    static const std::vector<Expression> all{
        {"* * * * *", false, [](tm) { return true; }},
        {"*/5 * * * *", false, [](tm t) { return t.tm_min % 5 == 0; }},
        {"7 */2 * * *", false, [](tm t) { return t.tm_min == 7 && t.tm_hour % 2 == 0; }},
        {"0 0-23/3 * * *", false, [](tm t) { return t.tm_min == 0 && t.tm_hour % 3 == 0; }},
        {"30 * * * SUN", false, [](tm t) { return t.tm_min == 30 && t.tm_wday == 0; }},
        {"30 2 * * *", true, [](tm t) { return t.tm_min == 30 && t.tm_hour == 2; }},
        {"0 0 * * *", true, [](tm t) { return t.tm_min == 0 && t.tm_hour == 0; }},
        {"15,45 0-3 * * *", true, [](tm t) { return t.tm_min % 30 == 15 && t.tm_hour <= 3; }},
        {"* 1-2 * * *", true, [](tm t) { return t.tm_hour == 1 || t.tm_hour == 2; }},
        {"*/10 23 * * *", true, [](tm t) { return t.tm_min % 10 == 0 && t.tm_hour == 23; }},
        {"0 2,3 * * SUN", true,
         [](tm t) { return t.tm_min == 0 && (t.tm_hour == 2 || t.tm_hour == 3) && t.tm_wday == 0; }},
        {"5 4 1,15 * MON-FRI", true,
         [](tm t) {
             return t.tm_min == 5 && t.tm_hour == 4 &&
                    (t.tm_mday == 1 || t.tm_mday == 15 || (t.tm_wday >= 1 && t.tm_wday <= 5));
         }},
        {"59 23 28-31 2,10 *", true,
         [](tm t) { return t.tm_min == 59 && t.tm_hour == 23 && t.tm_mday >= 28 && (t.tm_mon == 1 || t.tm_mon == 9); }},
    };
    return all;
}

/// localtime_r of one zone.
class LocalTime {
public:
    explicit LocalTime(const char* zone) {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
    LocalTime(const LocalTime&) = delete;
    LocalTime& operator=(const LocalTime&) = delete;
    ~LocalTime() {
        ::unsetenv("TZ");
        ::tzset();
    }
    std::tm at(std::time_t time) const {
        std::tm local{};
        ::localtime_r(&time, &local);
        return local;
    }
};

std::time_t start_of(int year) {
    std::tm first{};
    first.tm_year = year - 1900;
    first.tm_mday = 1;
    return ::timegm(&first);
}

/// What a clock on the wall shows, as the minute that UTC's clocks would show the same in.
std::int64_t shown(std::tm local) { return ::timegm(&local) / 60; }

std::tm wall(std::int64_t minute) {
    const std::time_t time = minute * 60;
    std::tm local{};
    ::gmtime_r(&time, &local);
    return local;
}

/// The ticks of each expression, from looking at each minute of the year.
std::vector<std::vector<std::time_t>> scan(const LocalTime& zone, std::time_t from, std::time_t to) {
    std::vector<std::vector<std::time_t>> ticks(expressions().size());
    auto reached = shown(zone.at(from - 60));  // the latest minute that the wall clock has shown
    for (auto time = from; time < to; time += 60) {
        const auto local = zone.at(time);
        const auto now = shown(local);
        for (std::size_t at = 0; at < ticks.size(); ++at) {
            const auto& one = expressions()[at];
            bool due = one.fits(local) && (!one.fixed || now > reached);
            for (auto skipped = reached + 1; one.fixed && !due && skipped < now; ++skipped)
                due = one.fits(wall(skipped));
            if (due) ticks[at].push_back(time);
        }
        reached = std::max(reached, now);
    }
    return ticks;
}

std::vector<std::time_t> computed(const char* text, const trigger::Zone& zone, std::time_t from, std::time_t to) {
    const auto cron = trigger::Cron::parse(text);
    REQUIRE(cron);
    std::vector<std::time_t> ticks;
    auto after = Tick(std::chrono::seconds(from - 1));
    while (true) {
        const auto tick = cron->next(after, zone);
        if (!tick || *tick <= after) FAIL("the next tick is none, or not later");
        if (tick->time_since_epoch().count() >= to) return ticks;
        ticks.push_back(tick->time_since_epoch().count());
        after = *tick;
    }
}

void compare(const char* name, int year, int times_set) {
    CAPTURE(name, year);
    const auto zone = trigger::Zone::find(name);
    REQUIRE(zone);
    const LocalTime local(name);
    const auto from = start_of(year);
    const auto to = start_of(year + 1);
    int changes = 0;
    for (auto time = from; time < to; time += 3600)
        if (local.at(time).tm_gmtoff != local.at(time - 3600).tm_gmtoff) ++changes;
    CHECK(changes == times_set);  // else the year tests nothing
    const auto reference = scan(local, from, to);
    for (std::size_t at = 0; at < reference.size(); ++at) {
        CAPTURE(expressions()[at].text);
        CHECK(reference[at].size() > 3);
        CHECK(computed(expressions()[at].text, *zone, from, to) == reference[at]);
    }
}

}  // namespace

TEST_CASE("a year of ticks is what a scan of every minute finds where clocks are set by an hour", "[trigger]") {
    compare("Europe/Berlin", 2026, 2);
    compare("America/New_York", 2026, 2);
}

TEST_CASE("a year of ticks is what a scan finds where clocks are set by half an hour", "[trigger]") {
    compare("Australia/Lord_Howe", 2026, 2);
}

TEST_CASE("a year of ticks is what a scan finds where clocks are set at midnight", "[trigger]") {
    compare("America/Sao_Paulo", 2018, 2);
}

TEST_CASE("a year of ticks is what a scan finds where the winter is the exception, or the month of fasting",
          "[trigger]") {
    compare("Europe/Dublin", 2026, 2);
    compare("Africa/Casablanca", 2025, 2);
}

TEST_CASE("a year of ticks is what a scan finds where clocks are never set, and where a day is left out", "[trigger]") {
    compare("Asia/Kathmandu", 2026, 0);
    compare("Pacific/Apia", 2011, 3);
}
