// SPDX-License-Identifier: Apache-2.0
// The one file that includes <date/tz.h>, which takes seconds to compile.
#include <shallop/trigger/zone.h>

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace shallop::trigger {
namespace {

using base::Error;
using base::Fault;
using std::chrono::seconds;

constexpr Tick earliest = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
constexpr Tick latest = std::chrono::sys_days(std::chrono::year(2400) / 1 / 1);
constexpr std::size_t longest_name = 64;

std::string lower(std::string_view text) {
    std::string all(text);
    for (auto& c : all) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (c == ' ' || c == '-') c = '_';
    }
    return all;
}

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t at = 0; at < row.size(); ++at) row[at] = at;
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// How unlike the zone is to what was asked for: its city alone counts too ("berlin").
std::size_t unlikeness(std::string_view asked, std::string_view zone) {
    const auto slash = zone.rfind('/');
    const auto city = slash == std::string_view::npos ? zone : zone.substr(slash + 1);
    return std::min(distance(asked, zone), distance(asked, city));
}

std::string nearest_names(const date::tzdb& database, std::string_view name) {
    const auto asked = lower(name.substr(0, longest_name));
    std::vector<std::pair<std::size_t, std::string>> found;
    for (const auto& zone : database.zones) {
        const auto far = unlikeness(asked, lower(zone.name()));
        if (far * 3 <= asked.size()) found.emplace_back(far, zone.name());
    }
    std::sort(found.begin(), found.end());
    std::string names;
    for (std::size_t at = 0; at < found.size() && at < 3; ++at) names += (at == 0 ? "" : " or ") + found[at].second;
    return names;
}

std::string quoted(std::string_view name) {
    std::string text(name.substr(0, longest_name));
    std::erase_if(text, [](char c) { return c < ' ' || c > '~'; });
    return "'" + text + "'";
}

Error unknown(const date::tzdb& database, std::string_view name) {
    const auto near = nearest_names(database, name);
    return {Fault::invalid,
            "there is no time zone " + quoted(name) + ": " +
                (near.empty() ? "give an IANA name such as Europe/Berlin, or UTC" : "is it " + near + "?")};
}

}  // namespace

base::Result<Zone> Zone::find(std::string_view name) {
    if (name == "UTC") return Zone();
    try {
        const auto& database = date::get_tzdb();
        const auto at =
            std::lower_bound(database.zones.begin(), database.zones.end(), name,
                             [](const auto& zone, std::string_view wanted) { return zone.name() < wanted; });
        if (at == database.zones.end() || at->name() != name) return unknown(database, name);
        at->get_info(Tick());  // reads its file: what is wrong with that is said here
        Zone zone;
        zone.name_ = at->name();
        zone.zone_ = &*at;
        return zone;
    } catch (const std::exception& failure) {
        Error error(Fault::invalid, "the time zone " + quoted(name) +
                                        " cannot be read here: install tzdata where the daemon runs, or use UTC");
        error.log = failure.what();
        return error;
    }
}

Period Zone::period_at(Tick at) const {
    at = std::clamp(at, earliest, latest - seconds(1));
    if (zone_ == nullptr) return {earliest, latest, seconds(0)};
    const auto info = static_cast<const date::time_zone*>(zone_)->get_info(at);
    return {std::max(info.begin, earliest), std::min(info.end, latest), info.offset};
}

std::string format_local(Tick at, const Zone& zone) {
    using namespace std::chrono;
    const auto offset = zone.period_at(at).offset;
    const auto local = at + offset;
    const auto day = floor<days>(local);
    const year_month_day date(day);
    const hh_mm_ss time(local - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()), unsigned(date.month()),
                  unsigned(date.day()), int(time.hours().count()), int(time.minutes().count()),
                  int(time.seconds().count()));
    std::string all = text.data();
    if (offset == seconds(0)) return all + "Z";
    // RFC 3339 has no seconds in an offset; a zone that had any gave them up before 1973.
    const auto minutes_off = static_cast<int>(std::abs(duration_cast<minutes>(offset).count()));
    std::snprintf(text.data(), text.size(), "%c%02d:%02d", offset < seconds(0) ? '-' : '+', minutes_off / 60,
                  minutes_off % 60);
    return all + text.data();
}

}  // namespace shallop::trigger
