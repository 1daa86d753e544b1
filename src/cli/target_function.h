// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/source.h"
#include "cli/target.h"

namespace shallop::cli {

/// The function that the file or folder at the target's place makes: in a folder with what its shallop.yaml says. Complains of what cannot be read.
Result<SourceFunction> function_of(const Target& target);

/// Adds what was said of the source in the command's words; where that or an image is said, a Dockerfile decides nothing.
void say(SourceFunction& function, const nlohmann::ordered_json& source, bool image);

/// Whether its code is to be made an image.
bool is_built(const SourceFunction& function);

}  // namespace shallop::cli
