// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace shallop::base {

/// For a segment of a path or a value of a query: all but the unreserved characters of RFC 3986 as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace shallop::base
