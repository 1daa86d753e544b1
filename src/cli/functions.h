// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

#include "cli/complaint.h"
#include "cli/rest.h"

namespace shallop::cli {

/// A function as the daemon has it after a change.
struct Deployed {
    nlohmann::ordered_json resource;
    bool created = false;
};

// Calls of /v1/functions. What the daemon refuses is a complaint in its words.

/// All functions, in the order of their names.
Result<nlohmann::ordered_json> fetch_functions(Rest& rest);

/// The function, or nothing where there is none of that name.
Result<std::optional<nlohmann::ordered_json>> find_function(Rest& rest, const std::string& name);

/// Makes the function what `resource` says, and the defaults where it says nothing.
Result<Deployed> put_function(Rest& rest, const std::string& name, const nlohmann::ordered_json& resource);

/// Changes what `patch` says (RFC 7396), and nothing else.
Result<Deployed> patch_function(Rest& rest, const std::string& name, const nlohmann::ordered_json& patch);

Done remove_function(Rest& rest, const std::string& name);

/// The answer to a call that creates or changes a function.
Result<Deployed> deployed_from(const Result<Reply>& reply);

}  // namespace shallop::cli
