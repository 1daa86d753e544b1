// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

/// What `shallop deploy` is to deploy, as far as its words say it.
struct Target {
    std::string name;   ///< "" where only a place was given: it has one, see lawful_name()
    std::string place;  ///< a file or a folder with code; "" where the function is an image alone
};

/// NAME, PLACE or both. One word is a place where there is such a file or folder, or where it is written like one; beside an image it is a
/// name unless it is written like a place.
Result<Target> target_from(const std::vector<std::string>& words, bool has_image);

/// The name that a function from the file or folder at `place` gets: its own, in lower case, with '-' for all that a name cannot have.
/// Complains where nothing is left.
Result<std::string> lawful_name(const std::string& place);

}  // namespace shallop::cli
