// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>
#include <string_view>
#include <vector>

namespace shallop::http {

/// A path pattern taken apart. "/" has one literal segment, "".
struct Pattern {
    struct Segment {
        bool parameter = false;
        std::string text;  ///< the literal, decoded; or the parameter's name
    };

    static constexpr std::size_t longest = 1024;
    static constexpr std::size_t most_segments = 32;

    std::vector<Segment> segments;  ///< before the prefix's rest, if it is one
    bool prefix = false;            ///< "/…/*" or "/…/{name...}"
    std::string rest_name;          ///< of "{name...}"; "" for "*"
};

/// Faults: invalid, in words for the pattern's author.
base::Result<Pattern> parse_pattern(std::string_view text);

/// The same for a route's host: "", "name", "*.name", an address. Small letters, without a trailing dot.
base::Result<std::string> parse_host_pattern(std::string_view text);

/// Why `path` must not be matched at all: bad percent-encoding, %00, %2F, or a segment that is "." or ".." however it
/// is spelt.
base::Status check_path(std::string_view path);

}  // namespace shallop::http
