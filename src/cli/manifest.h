// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

using Json = nlohmann::ordered_json;

/// A function resource that somebody wrote down, and where.
struct Manifest {
    std::string name;
    Json resource;
    std::string from;  ///< the file, for complaints
};

/// The resources of a text: JSON where it starts with '{', else YAML, of which it may hold several documents.
Result<std::vector<Manifest>> parse_manifests(std::string_view text, const std::string& from);

/// Those of a file, of a directory's *.json, *.yaml and *.yml in the order of their names, or of standard input ("-").
Result<std::vector<Manifest>> read_manifests(const std::string& path);

}  // namespace shallop::cli
