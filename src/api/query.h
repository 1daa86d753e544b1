// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/base/units.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallop::api {

/// The parameters of a query string, decoded. Small and strict: an unknown, repeated or malformed one is refused, not ignored.
class Query {
public:
    /// `known`: the names allowed, separated by blanks. Faults: invalid, naming the parameter.
    static base::Result<Query> parse(std::string_view raw, std::string_view known);

    /// The value, or "" where it is not there.
    std::string text(std::string_view name) const;
    bool has(std::string_view name) const;

    /// A count from 1 to `most`. Faults: invalid.
    base::Result<std::size_t> count(std::string_view name, std::size_t otherwise, std::size_t most) const;

    /// "true", "1" or nothing after the name; "false" or "0". Faults: invalid.
    base::Result<bool> flag(std::string_view name) const;

    /// A span ("30s") up to `longest`; zero where it is not there. Faults: invalid.
    base::Result<base::Duration> duration(std::string_view name, base::Duration longest) const;

    /// A point in time as RFC 3339 in UTC, or so long ago ("10m"). Faults: invalid.
    base::Result<std::chrono::system_clock::time_point> time(std::string_view name,
                                                             std::chrono::system_clock::time_point now) const;

private:
    std::vector<std::pair<std::string, std::string>> values_;
};

/// RFC 3339: "2026-11-21T05:37:00Z", with a fraction or an offset. Faults: invalid.
base::Result<std::chrono::system_clock::time_point> parse_time(std::string_view text);

}  // namespace shallop::api
