// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "source/tree_writer.h"

namespace shallop::source {

/// Unpacks an archive on disk into `into`. Blocks. Faults: invalid (no archive, broken, or with an entry that is refused), too_large, storage.
Status unpack(const std::string& path, TreeWriter& into);

}  // namespace shallop::source
