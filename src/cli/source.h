// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/source_function.h>

#include "cli/functions.h"

namespace shallop::cli {

using folder::has_source_path;
using folder::source_function_from;
using folder::SourceFunction;

/// Creates the function, or gives it this code and these settings: as one version, unless there is more than settings to say and the code does
/// not fit into a resource; then the code comes first.
Result<Deployed> deploy_source(Rest& rest, const SourceFunction& function);

/// The same, with what is built for it told on stderr if that takes long.
Result<Deployed> deploy_aloud(Rest& rest, const SourceFunction& function);

/// What the daemon says that a deploy of this code would make; its settings are not looked at.
Result<nlohmann::ordered_json> verify_source(Rest& rest, const SourceFunction& function);

}  // namespace shallop::cli
