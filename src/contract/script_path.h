// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace shallop::contract {

/// Which file below a document root runs a request, and what of the path is left for it.
struct ScriptPath {
    std::string script;     ///< begins with '/'
    std::string path_info;  ///< empty, or begins with '/'
};

/// The longest start of `path` that ends in a segment with the extension of `index` is the script, what is behind it PATH_INFO. Where there is no
/// such segment, `index` is the front controller, and all of `path` its PATH_INFO.
///
/// `path`: decoded, without dot segments; empty or begins with '/'. `index`: relative.
ScriptPath find_script(std::string_view path, std::string_view index);

}  // namespace shallop::contract
