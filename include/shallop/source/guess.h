// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>
#include <string_view>
#include <vector>

namespace shallop::source {

/// Which runtime runs which file.
struct Guess {
    std::string runtime, entry;
};

/// Fills in what was not said ("") by the names of a tree's files: the usual names of an entry in their order, else the only file of the
/// runtime's kind at the top. A runtime that is not one of ours has no usual names: its entry may stay "".
/// Faults: invalid where nothing or more than one runtime fits, or the entry is none of the files; the detail says what to give.
base::Result<Guess> guess(const std::vector<std::string>& files, std::string_view runtime, std::string_view entry);

}  // namespace shallop::source
