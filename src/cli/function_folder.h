// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

/// A function that stands as a file or a folder in a folder of functions.
struct PlacedFunction {
    std::string name;   ///< "api-users"
    std::string place;  ///< where its code is
    std::string path;   ///< the same from the folder of functions on: "api/users.js"
    std::string route;  ///< "/api/users/*"
};

struct PlacedFunctions {
    std::vector<PlacedFunction> functions;  ///< in the order of their names
    std::vector<Complaint> complaints;      ///< of what cannot be one, such as two files with one route
};

/// The functions in `folder`, each a route: hello.py is /hello, api/users.js is /api/users, index.php the folder that it is in, and [id].rb a
/// parameter. A folder is one function where it has a shallop.yaml or a file that usually begins a program (main.py, app.js, package.json,
/// …), else a folder of functions. What begins with '.' or '_', and files in no known language, are no functions.
PlacedFunctions functions_in(const std::string& folder);

}  // namespace shallop::cli
