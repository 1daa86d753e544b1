// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>
#include <string_view>
#include <vector>

namespace shallop::source {

/// Which runtime runs which file. The entry is "" where the runtime finds it: node in package.json, php by the request's path.
struct Guess {
    std::string runtime, entry;
};

/// Fills in what was not said ("") by the names of a tree's files, which are sorted. An entry's usual names count first, in their
/// order; then package.json; then the only file at the top that the runtime could run. A runtime that is not one of ours has no usual names: its
/// entry may stay "".
/// Faults: invalid where nothing or more than one runtime fits, or the entry is none of the files; the detail says what to give.
base::Result<Guess> guess(const std::vector<std::string>& files, std::string_view runtime, std::string_view entry);

/// Whether some of the files are of a kind that the runtime runs; of one that is not ours that cannot be told, so they are.
bool has_files_of(std::string_view runtime, const std::vector<std::string>& files);

/// The names of our own runtimes, in the order in which they are tried.
std::vector<std::string> known_runtimes();

}  // namespace shallop::source
