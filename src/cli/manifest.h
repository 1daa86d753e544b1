// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/document.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

using folder::Json;

/// A function resource that somebody wrote down, and where.
struct Manifest {
    std::string name;
    Json resource;
    std::string from;       ///< the file, for complaints
    std::string directory;  ///< where the paths in it start from
};

/// What some files hold.
struct Manifests {
    std::vector<Manifest> functions;
    std::vector<std::string>
        projects;  ///< those that the files say they are, each the first part of its functions' names
};

/// The resources of a text: JSON where it starts with '{', else YAML, of which it may hold several documents. A document is a resource, or
/// has "functions": a list of resources, or an object of them by their names, and optionally "project": the functions of such a document
/// are named PROJECT-….
Result<Manifests> parse_manifests(std::string_view text, const std::string& from, const std::string& directory = ".");

/// Those of a file, of a directory's *.json, *.yaml and *.yml in the order of their names, or of standard input ("-").
Result<Manifests> read_manifests(const std::string& path);

/// Those of several such paths. Complains where a function is there twice.
Result<Manifests> read_manifests(const std::vector<std::string>& paths);

}  // namespace shallop::cli
