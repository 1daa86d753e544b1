// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>

namespace shallop::source {

/// Puts the files of `tree` into the directory `place`, beside what is there and stays as it is: by hard links, and as copies where the file system has none. Blocks.
/// Faults: storage.
base::Status fill_place(const std::string& tree, const std::string& place);

}  // namespace shallop::source
