// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <string>

namespace shallop::base {

/// What errno says of a file that we could not `what` ("write"): a storage fault.
Error file_error(const std::string& what, const std::string& path);

/// Returns when the names in a directory are on the disk: a file that was made or renamed in it outlives a power cut only then. Blocks. Faults: storage.
Status sync_directory(const std::string& path);

}  // namespace shallop::base
