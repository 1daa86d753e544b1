// SPDX-License-Identifier: Apache-2.0
#include "cli/code_id.h"

namespace shallop::cli {

Result<std::string> code_id(const Code&) { return std::string(); }

std::string code_id(const nlohmann::ordered_json&) { return ""; }

}  // namespace shallop::cli
