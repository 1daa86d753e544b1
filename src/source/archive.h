// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "source/tree_writer.h"

namespace shallop::source {

/// Unpacks an archive on disk into `into`: a tar, plain or compressed by gzip, bzip2, xz or zstd, or a zip. What macOS adds beside the files
/// (__MACOSX/) is left out. Blocks. Faults: invalid (no archive, broken, or with an entry that is refused), too_large, storage.
Status unpack(const std::string& path, const Limits& limits, TreeWriter& into);

}  // namespace shallop::source
