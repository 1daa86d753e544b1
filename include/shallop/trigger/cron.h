// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/trigger/zone.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::trigger {

/// When a schedule runs: five cron fields, a word for them, or an interval.
///
///     minute hour day-of-month month day-of-week      0-59 0-23 1-31 1-12|JAN-DEC 0-7|SUN-SAT (0 and 7 are Sunday)
///     @hourly @daily @midnight @weekly @monthly @yearly @annually
///     @every 90s
///
/// A field is a list of `*`, a value or a range, each but a value with an optional step: `*`, `*/5`, `8-18/2`, `MON-FRI`, `0,30`.
/// As in Vixie's cron, where neither day field begins with `*` a day that fits either of them will do; else it has to fit both.
///
/// Times are those of the wall clock in the schedule's zone. When clocks are set forward or back:
///  - With an hour field that means every hour or steps over all of them (`*`, `*/2`, `0-23/3`), and with @every, real time goes on:
///    each instant at which the local clock shows a matching minute is a tick. Times that are skipped do not occur, and times that come twice
///    occur twice, because both are real.
///  - With any other hour field, times that are skipped run once, at the first instant after the gap, however many of them it
///    swallowed; and a time that comes twice runs the first time only.
class Cron {
public:
    /// Faults: invalid; the detail names the field and says what to write. An expression that no date ever fits is refused too.
    static base::Result<Cron> parse(std::string_view text);

    /// As it was written, with single blanks.
    const std::string& text() const { return text_; }

    /// What @every says; nothing for fields.
    std::optional<std::chrono::seconds> interval() const { return interval_; }

    /// The first tick after `after`. @every counts from `anchor`, without regard to the zone. Nothing where there is none
    /// within fifty years.
    std::optional<Tick> next(Tick after, const Zone& zone, Tick anchor = {}) const;

private:
    struct Reader;

    bool fits(std::chrono::year_month_day day) const;
    bool ever() const;
    /// The first local minute that fits, from `from` on and before `until`.
    std::optional<std::chrono::local_seconds> first_in(std::chrono::local_seconds from,
                                                       std::chrono::local_seconds until) const;
    std::optional<std::chrono::local_seconds> first_of_day(std::chrono::local_days day,
                                                           std::chrono::minutes from) const;
    std::optional<Tick> next_in(const Period& period, std::chrono::seconds offset_before, Tick from) const;

    std::string text_;
    std::optional<std::chrono::seconds> interval_;
    // A bit for each value that fits.
    std::uint64_t minutes_ = 0, hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
    bool every_hour_ = false;  ///< the hour field means every hour, or steps over all of them
    bool any_day_ = false;     ///< the day-of-month field begins with '*'
    bool any_weekday_ = false;
};

/// The next `count` ticks after `after`.
std::vector<Tick> next_ticks(const Cron& cron, const Zone& zone, Tick after, Tick anchor, std::size_t count);

}  // namespace shallop::trigger
