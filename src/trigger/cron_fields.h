// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace shallop::trigger {

/// What may stand in one of the five fields.
struct FieldRule {
    std::string_view name;  ///< "day of month"
    int least, most;
    std::span<const std::string_view> words;  ///< three capitals each, for the values from `least` on
    bool weekdays = false;                    ///< 7 is 0 again
};

struct FieldValue {
    std::uint64_t values = 0;  ///< a bit for each
    bool starred = false;      ///< begins with '*'
    bool whole = false;        ///< has `*`, or a range over all values, with a step or without
};

/// Faults: invalid: which field, what is wrong, and what to write.
base::Result<FieldValue> parse_field(std::string_view text, const FieldRule& rule);

}  // namespace shallop::trigger
