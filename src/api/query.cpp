// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <shallop/base/units.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using WallTime = std::chrono::system_clock::time_point;

constexpr std::size_t most_parameters = 16;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// One name or value, as application/x-www-form-urlencoded writes it.
base::Result<std::string> decode(std::string_view raw) {
    std::string text;
    for (std::size_t at = 0; at < raw.size(); ++at) {
        if (raw[at] != '%') {
            text += raw[at] == '+' ? ' ' : raw[at];
            continue;
        }
        const int high = at + 2 < raw.size() ? hex_digit(raw[at + 1]) : -1;
        const int low = at + 2 < raw.size() ? hex_digit(raw[at + 2]) : -1;
        if (high < 0 || low < 0)
            return Error(Fault::invalid, "the query has a % that no two hexadecimal digits follow");
        text += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return text;
}

bool contains_word(std::string_view words, std::string_view word) {
    while (!words.empty()) {
        const auto end = std::min(words.find(' '), words.size());
        if (words.substr(0, end) == word) return true;
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return false;
}

Error unknown(const std::string& name, std::string_view known) {
    const auto list = known.empty() ? std::string("it takes none") : "it takes: " + std::string(known);
    return {Fault::invalid, "this call has no parameter '" + name.substr(0, 40) + "'; " + list};
}

Error bad(std::string_view name, const std::string& value, std::string_view like) {
    return {Fault::invalid, "the parameter '" + std::string(name) + "' is '" + value.substr(0, 40) + "', and must be " +
                                std::string(like)};
}

/// Reads `digits` decimal digits off the front.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
    if (text.size() < digits) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc{} || end != text.data() + digits || value < 0) return false;
    text.remove_prefix(digits);
    return true;
}

bool take_char(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

/// ".123…" down to the microsecond; nothing is zero.
bool take_fraction(std::string_view& text, std::chrono::microseconds& fraction) {
    if (!take_char(text, ".")) return true;
    std::int64_t unit = 100'000;
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    for (std::size_t at = 0; at < digits; ++at, unit /= 10)
        fraction += std::chrono::microseconds((text[at] - '0') * unit);
    text.remove_prefix(digits);
    return digits > 0;
}

bool take_offset(std::string_view& text, std::chrono::minutes& offset) {
    if (take_char(text, "Zz")) return true;
    const bool east = text.starts_with('+');
    int hours = 0;
    int minutes = 0;
    if (!take_char(text, "+-") || !take_number(text, 2, hours) || !take_char(text, ":") ||
        !take_number(text, 2, minutes)) {
        return false;
    }
    offset = (std::chrono::hours(hours) + std::chrono::minutes(minutes)) * (east ? 1 : -1);
    return hours < 24 && minutes < 60;
}

}  // namespace

base::Result<Query> Query::parse(std::string_view raw, std::string_view known) {
    Query query;
    while (!raw.empty()) {
        const auto part = raw.substr(0, raw.find('&'));
        raw.remove_prefix(std::min(part.size() + 1, raw.size()));
        if (part.empty()) continue;
        const auto equals = std::min(part.find('='), part.size());
        const auto name = decode(part.substr(0, equals));
        const auto value = decode(equals < part.size() ? part.substr(equals + 1) : std::string_view());
        if (!name) return name.error();
        if (!value) return value.error();
        if (!contains_word(known, *name) || name->empty()) return unknown(*name, known);
        if (query.has(*name)) return Error(Fault::invalid, "the parameter '" + *name + "' is there twice");
        if (query.values_.size() == most_parameters) return Error(Fault::invalid, "the query has too many parameters");
        query.values_.emplace_back(*name, *value);
    }
    return query;
}

std::string Query::text(std::string_view name) const {
    const auto at =
        std::find_if(values_.begin(), values_.end(), [&](const auto& value) { return value.first == name; });
    return at == values_.end() ? std::string() : at->second;
}

bool Query::has(std::string_view name) const {
    return std::any_of(values_.begin(), values_.end(), [&](const auto& value) { return value.first == name; });
}

base::Result<std::size_t> Query::count(std::string_view name, std::size_t otherwise, std::size_t most) const {
    if (!has(name)) return otherwise;
    const auto value = text(name);
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < 1 || number > most) {
        return bad(name, value, "a number from 1 to " + std::to_string(most));
    }
    return number;
}

base::Result<bool> Query::flag(std::string_view name) const {
    const auto value = text(name);
    if (has(name) && (value.empty() || value == "true" || value == "1")) return true;
    if (!has(name) || value == "false" || value == "0") return false;
    return bad(name, value, "true or false");
}

base::Result<base::Duration> Query::duration(std::string_view name, base::Duration longest) const {
    if (!has(name)) return base::Duration::zero();
    const auto read = base::parse_duration(text(name));
    if (read && *read <= longest) return *read;
    return Error(Fault::invalid, "the parameter '" + std::string(name) + "' takes a duration such as 30s, at most " +
                                     base::format_duration(longest));
}

base::Result<WallTime> Query::time(std::string_view name, WallTime now) const {
    if (!has(name)) return WallTime{};
    const auto value = text(name);
    if (const auto ago = base::parse_duration(value)) {
        return now - std::chrono::duration_cast<WallTime::duration>(*ago);
    }
    if (const auto point = parse_time(value)) return *point;
    return bad(name, value, "a time such as 2026-11-21T05:37:00Z, or so long ago, such as 10m");
}

base::Result<WallTime> parse_time(std::string_view text) {
    using namespace std::chrono;
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
    microseconds fraction{};
    minutes offset{};
    const bool read = take_number(text, 4, y) && take_char(text, "-") && take_number(text, 2, mo) &&
                      take_char(text, "-") && take_number(text, 2, d) && take_char(text, "Tt ") &&
                      take_number(text, 2, h) && take_char(text, ":") && take_number(text, 2, mi) &&
                      take_char(text, ":") && take_number(text, 2, s) && take_fraction(text, fraction) &&
                      take_offset(text, offset);
    const auto date = year(y) / month(static_cast<unsigned>(mo)) / day(static_cast<unsigned>(d));
    if (!read || !text.empty() || !date.ok() || y < 1970 || y > 2200 || h > 23 || mi > 59 || s > 60) {
        return Error(Fault::invalid, "not a time as RFC 3339 writes it");
    }
    return WallTime(sys_days(date)) + hours(h) + minutes(mi) + seconds(s) +
           duration_cast<WallTime::duration>(fraction) - offset;
}

}  // namespace shallop::api
