// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shallop::base {

/// One HTTP header field; the name as it was received, compared without case.
struct Field {
    std::string name;
    std::string value;

    bool operator==(const Field&) const = default;
};
using Fields = std::vector<Field>;

/// ASCII comparison without case, as RFC 9110 compares field names.
bool same_name(std::string_view a, std::string_view b);

/// The value of the first field of that name; nullptr if there is none.
const std::string* find_field(const Fields& fields, std::string_view name);

}  // namespace shallop::base
