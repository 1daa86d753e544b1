// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/source/code_store.h>

#include <string>
#include <string_view>

namespace shallop::source {

/// `path` of an entry in its one spelling ("a/b"): "./" and a slash at the end are taken off; "" is the tree itself.
/// Faults: invalid, too_large, naming it.
Result<std::string> normal_path(std::string_view path, const Limits& limits);

/// `text` of a stranger for a message: in quotes, at most 100 bytes, always UTF-8, and nothing that a terminal would obey.
std::string shown(std::string_view text);

}  // namespace shallop::source
