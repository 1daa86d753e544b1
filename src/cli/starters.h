// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace shallop::cli {

/// The first function in a language.
struct Starter {
    std::string_view language;  ///< also its runtime's name
    std::string_view about;     ///< what is in the file
    std::string_view file;
    std::string_view text;
};

/// One for each language, in the order in which they are listed.
std::span<const Starter> starters();

}  // namespace shallop::cli
