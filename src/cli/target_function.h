// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/source.h"
#include "cli/target.h"

namespace shallop::cli {

/// The function that the file or folder at the target's place makes: in a folder with what its shallop.yaml says. Complains of what cannot be read.
Result<SourceFunction> function_of(const Target& target);

}  // namespace shallop::cli
