// SPDX-License-Identifier: Apache-2.0
#include "cli/print.h"

#include <shallop/base/encoding.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>

namespace shallop::cli {
namespace {

/// Characters, not bytes: enough to line up names that are mostly ASCII.
std::size_t width(std::string_view cell) {
    return static_cast<std::size_t>(
        std::count_if(cell.begin(), cell.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// RFC 3339 in UTC, without the fraction.
std::optional<std::int64_t> parsed(const std::string& time) {
    std::tm utc{};
    if (std::sscanf(time.c_str(), "%d-%d-%dT%d:%d:%d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
                    &utc.tm_min, &utc.tm_sec) != 6) {
        return std::nullopt;
    }
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    return ::timegm(&utc);
}

std::string span(std::int64_t seconds) {
    if (seconds < 120) return std::to_string(seconds) + "s";
    if (seconds < 2 * 3600) return std::to_string(seconds / 60) + "m";
    if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + "h";
    return std::to_string(seconds / 86400) + "d";
}

}  // namespace

std::string printable(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
        const auto length = base::utf8_length(text);
        const auto one = text.substr(0, std::max<std::size_t>(length, 1));
        if (one == "\t" || (length > 0 && !base::is_control(one))) {
            shown += one;
        } else {
            for (const char c : one) shown += "\\x" + base::to_hex({&c, 1});
        }
        text.remove_prefix(one.size());
    }
    return shown;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], width(row[at]));
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t at = 0; at < row.size(); ++at) {
            text += row[at];
            if (at + 1 < row.size()) text.append(widths[at] - width(row[at]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

std::string age(const std::string& time, std::chrono::system_clock::time_point now) {
    const auto then = parsed(time);
    return then ? span(std::max<std::int64_t>(0, std::chrono::system_clock::to_time_t(now) - *then)) : "";
}

std::string ahead(const std::string& time, std::chrono::system_clock::time_point now) {
    const auto then = parsed(time);
    const auto seconds = then ? *then - std::chrono::system_clock::to_time_t(now) : 0;
    return seconds > 0 ? span(seconds) : "";
}

}  // namespace shallop::cli
