// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

/// Writes the starter of `language` into `folder`, which is made where it is not there. Nothing is written where one of its files is there
/// already. Returns the paths of what was written.
Result<std::vector<std::string>> write_starter(const std::string& language, const std::string& folder);

}  // namespace shallop::cli
