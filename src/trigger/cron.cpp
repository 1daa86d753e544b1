// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/cron.h>

#include <shallop/base/units.h>

#include <algorithm>
#include <array>

#include "trigger/cron_fields.h"

namespace shallop::trigger {
namespace {

using namespace std::chrono;
using base::Error;
using base::Fault;

constexpr std::size_t longest_text = 256;
constexpr auto horizon = years(50);  // no two leap days on the same weekday are further apart than 40

constexpr std::array<std::string_view, 12> month_words{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_words{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

constexpr FieldRule minute_rule{"minute", 0, 59, {}};
constexpr FieldRule hour_rule{"hour", 0, 23, {}};
constexpr FieldRule day_rule{"day-of-month", 1, 31, {}};
constexpr FieldRule month_rule{"month", 1, 12, month_words};
constexpr FieldRule weekday_rule{"day-of-week", 0, 6, weekday_words, true};

struct Word {
    std::string_view name, fields;
};
constexpr std::array<Word, 7> words{{{"@hourly", "0 * * * *"},
                                     {"@daily", "0 0 * * *"},
                                     {"@midnight", "0 0 * * *"},
                                     {"@weekly", "0 0 * * 0"},
                                     {"@monthly", "0 0 1 * *"},
                                     {"@yearly", "0 0 1 1 *"},
                                     {"@annually", "0 0 1 1 *"}}};

bool has(std::uint64_t set, unsigned value) { return (set >> value & 1) != 0; }

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto from = text.find_first_not_of(" \t");
        if (from == std::string_view::npos) return parts;
        text.remove_prefix(from);
        const auto end = std::min(text.find_first_of(" \t"), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

Error wrong(std::string detail) { return {Fault::invalid, std::move(detail)}; }

}  // namespace

/// The text being read into a Cron.
struct Cron::Reader {
    Cron cron{};

    base::Status read(const std::vector<std::string_view>& parts) {
        if (parts.empty()) return wrong("a cron expression is missing: give one such as '*/5 * * * *' or '@hourly'");
        for (const auto part : parts) cron.text_.append(cron.text_.empty() ? "" : " ").append(part);
        if (parts.front() == "@every") return interval(parts);
        if (parts.front().starts_with('@')) return word(parts);
        return fields(parts);
    }

    base::Status interval(const std::vector<std::string_view>& parts) {
        const auto given = parts.size() == 2 ? base::parse_duration(parts[1]) : base::Result<base::Duration>(Error());
        const auto whole = given ? floor<seconds>(*given) : seconds(0);
        if (given && whole >= seconds(1) && whole == *given) {
            cron.interval_ = whole;
            return {};
        }
        return wrong(
            "@every takes one duration in whole seconds, from 1s on: write it as '@every 90s' or '@every 1h30m'");
    }

    base::Status word(const std::vector<std::string_view>& parts) {
        const auto at = std::find_if(words.begin(), words.end(), [&](auto& one) { return one.name == parts.front(); });
        if (at != words.end() && parts.size() == 1) return fields(split(at->fields));
        if (at != words.end()) return wrong(std::string(at->name) + " stands alone: take out what follows it");
        std::string all;
        for (const auto& one : words) all.append(one.name).append(", ");
        return wrong("'" + std::string(parts.front().substr(0, 20)) + "' is not known: write one of " + all +
                     "'@every 90s', or five fields");
    }

    base::Status fields(const std::vector<std::string_view>& parts) {
        if (parts.front().find('=') != std::string_view::npos)
            return wrong("an expression sets no variables: give the zone as time_zone");
        if (parts.size() != 5) {
            return wrong("a cron expression has five fields, minute hour day-of-month month day-of-week; this has " +
                         std::to_string(parts.size()) +
                         (parts.size() == 6
                              ? ": take out the one for seconds or years (for seconds there is '@every 10s')"
                              : ": write '*' for a field that does not matter"));
        }
        const std::array<const FieldRule*, 5> rules{&minute_rule, &hour_rule, &day_rule, &month_rule, &weekday_rule};
        std::array<FieldValue, 5> read;
        for (std::size_t at = 0; at < rules.size(); ++at) {
            auto field = parse_field(parts[at], *rules[at]);
            if (!field) return field.error();
            read[at] = *field;
        }
        cron.minutes_ = read[0].values;
        cron.hours_ = read[1].values;
        cron.days_ = read[2].values;
        cron.months_ = read[3].values;
        cron.weekdays_ = read[4].values;
        cron.every_hour_ = read[1].whole;
        cron.any_day_ = read[2].starred;
        cron.any_weekday_ = read[4].starred;
        if (cron.ever()) return {};
        return wrong(
            "no date ever fits this: no month that it names has such a day of month; correct the "
            "day-of-month or the month field");
    }
};

base::Result<Cron> Cron::parse(std::string_view text) {
    if (text.size() > longest_text) {
        return wrong("a cron expression has at most " + std::to_string(longest_text) + " characters: shorten it");
    }
    const auto odd = [](char c) { return (c < ' ' && c != '\t') || c > '~'; };
    if (std::any_of(text.begin(), text.end(), odd))
        return wrong("a cron expression is of plain ASCII characters, on one line: take out what is not");
    Reader reader;
    if (auto done = reader.read(split(text)); !done) return done.error();
    return std::move(reader.cron);
}

bool Cron::fits(year_month_day day) const {
    if (!has(months_, unsigned(day.month()))) return false;
    const bool by_day = has(days_, unsigned(day.day()));
    const bool by_weekday = has(weekdays_, weekday(sys_days(day)).c_encoding());
    return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

bool Cron::ever() const {
    if (!any_day_ && !any_weekday_) return true;  // a weekday comes in every month
    for (unsigned month_number = 1; month_number <= 12; ++month_number) {
        const auto last =
            year_month_day_last(year(2000) / month(month_number) / std::chrono::last).day();  // a leap year
        for (unsigned number = 1; has(months_, month_number) && number <= unsigned(last); ++number) {
            if (has(days_, number)) return true;
        }
    }
    return false;
}

std::optional<local_seconds> Cron::first_of_day(local_days day, minutes from) const {
    for (auto at = from; at < hours(24); ++at) {
        if (!has(hours_, static_cast<unsigned>(at.count() / 60))) {
            at = floor<hours>(at) + minutes(59);
            continue;
        }
        if (has(minutes_, static_cast<unsigned>(at.count() % 60))) return day + at;
    }
    return {};
}

std::optional<local_seconds> Cron::first_in(local_seconds from, local_seconds until) const {
    const auto first = ceil<minutes>(from);
    auto start = first - floor<days>(first);
    for (auto day = floor<days>(first); day < until; ++day, start = minutes(0)) {
        const year_month_day date(day);
        if (!has(months_, unsigned(date.month()))) {
            day = local_days(year_month_day_last(date.year() / date.month() / last));
            continue;
        }
        if (!fits(date)) continue;
        const auto found = first_of_day(day, start);
        if (found) return *found < until ? found : std::nullopt;
    }
    return {};
}

std::optional<Tick> Cron::next_in(const Period& period, seconds offset_before, Tick from) const {
    const auto local = [](Tick at, seconds offset) { return local_seconds((at + offset).time_since_epoch()); };
    auto start = local(from, period.offset);
    if (!every_hour_) {
        const auto shown = local(period.begin, offset_before);  // what the clocks had reached before they were set
        const auto set_to = local(period.begin, period.offset);
        if (shown < set_to && from == period.begin && first_in(shown, set_to)) return period.begin;
        start = std::max(start, shown);
    }
    const auto found = first_in(start, local(period.end, period.offset));
    if (!found) return {};
    return Tick(found->time_since_epoch() - period.offset);
}

std::optional<Tick> Cron::next(Tick after, const Zone& zone, Tick anchor) const {
    if (interval_) {
        auto passed = (after - anchor) / *interval_;
        if (after < anchor && (after - anchor) % *interval_ != seconds(0)) --passed;  // division cuts towards zero
        return anchor + (passed + 1) * *interval_;
    }
    const auto until = after + horizon;
    auto from = after + seconds(1);
    auto period = zone.period_at(from);
    auto before = zone.period_at(period.begin - seconds(1)).offset;
    while (from < until && from < period.end) {
        if (const auto found = next_in(period, before, from)) return found;
        before = period.offset;
        from = period.end;
        period = zone.period_at(from);
    }
    return {};
}

std::vector<Tick> next_ticks(const Cron& cron, const Zone& zone, Tick after, Tick anchor, std::size_t count) {
    std::vector<Tick> ticks;
    while (ticks.size() < count) {
        const auto tick = cron.next(after, zone, anchor);
        if (!tick) break;
        ticks.push_back(*tick);
        after = *tick;
    }
    return ticks;
}

}  // namespace shallop::trigger
