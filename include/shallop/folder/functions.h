// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/folder/complaint.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::folder {

/// A function that stands as a file or a folder in a folder of functions.
struct PlacedFunction {
    std::string name;         ///< "api-users"
    std::string place;        ///< where its code is
    std::string path;         ///< the same from the folder of functions on: "api/users.js"
    std::string route;        ///< "/api/users/*"
    bool dockerfile = false;  ///< a folder that an image is to be built of
    std::string lib{};        ///< of a single file: the folder of what it shares with others; "" where there is none
};

/// What a look into a folder of functions found.
struct PlacedFunctions {
    std::vector<PlacedFunction> functions;  ///< in the order of their names
    std::vector<Complaint> complaints;      ///< of what cannot be one, such as two files with one route
    std::set<std::string> held;             ///< names that are disputed: what is there of them stays as it is
    std::vector<std::string> unread;  ///< folders, by their paths as above, whose functions are not known; "" is all

    /// Whether a function that is not among `functions`, and was at `path`, is to stay as it is rather than gone.
    bool leaves(const std::string& name, const std::string& path) const;
};

/// The functions in `folder`, each a route: hello.py is /hello, api/users.js is /api/users, index.php the folder that it is in, and [id].rb a
/// parameter. A folder is one function where it has a Dockerfile, a shallop.yaml or a file that usually begins a program (main.py, app.js,
/// package.json, …), else a folder of functions. A folder _lib is shared by the single files beside it and below. What begins with '.' or '_', and files in no known language, are no functions. Where two
/// would have one name or one route, both are complained of, and neither is among the functions.
PlacedFunctions functions_in(const std::string& folder);

/// A function's name made of another word: in lower case, with '-' for all that a name cannot have; "" where nothing is left.
std::string name_from(std::string_view word);

}  // namespace shallop::folder
