// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "cli/code.h"

namespace shallop::cli {

/// The id that the daemon gives this code, so that what is there already is known without sending it; "" where it cannot be told: an archive.
Result<std::string> code_id(const Code& code);

/// The same of a resource whose source has "files" or "code"; "" where it has neither.
std::string code_id(const nlohmann::ordered_json& resource);

}  // namespace shallop::cli
