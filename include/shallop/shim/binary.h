// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <span>
#include <string>

namespace shallop::shim {

/// The static program that is the first process of every function container.
std::span<const unsigned char> binary();

/// Writes it to `path` (mode 0555), replacing what is there in one step, as containers may still run the old one.
/// Does nothing where the same bytes are there already. Faults: storage.
base::Status write_binary(const std::string& path);

}  // namespace shallop::shim
