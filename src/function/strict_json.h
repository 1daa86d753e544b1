// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <nlohmann/json_fwd.hpp>

#include <string_view>

namespace shallop::function {

using Json = nlohmann::json;

/// Bounds of a document before its meaning is looked at.
struct JsonLimits {
    std::size_t bytes = 0;
    std::size_t depth = 0;  ///< arrays and objects inside each other, the outermost included
};

/// Reads one JSON text (RFC 8259) as it came from outside: no recursion whatever its nesting, UTF-8 checked, a name that comes
/// twice in an object refused (RFC 7493), and so is U+0000, which no argument, path or variable of a process can hold.
/// Faults: too_large (bytes), invalid (all else, with the pointer of the place where there is one).
base::Result<Json> parse_strict(std::string_view text, const JsonLimits& limits);

/// `pointer` with one more reference token, escaped as RFC 6901 says.
std::string append_pointer(std::string_view pointer, std::string_view token);
std::string append_pointer(std::string_view pointer, std::size_t index);

}  // namespace shallop::function
