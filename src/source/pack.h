// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/source/code_store.h>

#include <string>

namespace shallop::source {

/// The files of the directory `tree` as a tar, of at most `most` bytes. Blocks. Faults: too_large, storage.
Result<std::string> pack(const std::string& tree, Bytes most);

}  // namespace shallop::source
