// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shallop::cli {

/// The one of `words` that is nearest to `typed` by edits of one letter; "" if none is near.
std::string nearest(std::string_view typed, std::span<const std::string> words);

}  // namespace shallop::cli
