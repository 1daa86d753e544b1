// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "cli/code.h"
#include "cli/functions.h"

namespace shallop::cli {

/// A function that is made of code on this machine.
struct SourceFunction {
    std::string name;
    Code code;
    nlohmann::ordered_json source = nlohmann::ordered_json::object();  ///< runtime, entry, handler where they are said
    nlohmann::ordered_json settings = nlohmann::ordered_json::object();  ///< the other members of the resource
    bool whole = false;  ///< `settings` are all there is; else what they do not say stays as it is
};

/// Creates the function, or gives it this code and these settings: as one version, unless there is more than settings to say and the code does
/// not fit into a resource; then the code comes first.
Result<Deployed> deploy_source(Rest& rest, const SourceFunction& function);

/// The same, with what is built for it told on stderr if that takes long.
Result<Deployed> deploy_aloud(Rest& rest, const SourceFunction& function);

/// What the daemon says that a deploy of this code would make; its settings are not looked at.
Result<nlohmann::ordered_json> verify_source(Rest& rest, const SourceFunction& function);

/// Whether a written resource says where its code is on this machine: "source": {"path": …}.
bool has_source_path(const nlohmann::ordered_json& resource);

/// The function that such a resource in a file of `directory` describes. Complains of code that is given twice, or cannot be read.
Result<SourceFunction> source_function_from(const std::string& name, nlohmann::ordered_json resource,
                                            const std::string& directory);

}  // namespace shallop::cli
