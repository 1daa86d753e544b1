// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/code.h>
#include <shallop/folder/functions.h>

#include <nlohmann/json.hpp>

#include <string>

namespace shallop::folder {

/// A function that is made of code on this machine.
struct SourceFunction {
    std::string name;
    Code code;
    nlohmann::ordered_json source = nlohmann::ordered_json::object();  ///< runtime, entry, handler where they are said
    nlohmann::ordered_json settings = nlohmann::ordered_json::object();  ///< the other members of the resource
    bool whole = false;  ///< `settings` are all there is; else what they do not say stays as it is
};

/// Whether a written resource says where its code is on this machine: "source": {"path": …}.
bool has_source_path(const nlohmann::ordered_json& resource);

/// A folder with a Dockerfile is to be made an image where nothing is said of how its code is run: says so.
void say_how(SourceFunction& function);

/// The function that such a resource in a file of `directory` describes. Complains of code that is given twice, or cannot be read.
Result<SourceFunction> source_function_from(const std::string& name, nlohmann::ordered_json resource,
                                            const std::string& directory);

/// What a function of a folder of functions is: its code, the settings beside it, and the route that its place gives where they name none.
Result<SourceFunction> source_function_of(const PlacedFunction& one);

}  // namespace shallop::folder
