// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shallop::build {

/// The files of `runtime` that say which packages the code needs, of those that there are, the one that decides first; empty where none is asked for, or
/// the code brings its packages along. `files` are sorted.
std::vector<std::string> package_files(std::string_view runtime, const std::vector<std::string>& files);

/// Whether the deciding file asks for anything: a package.json may be there for its name alone.
bool asks_for_packages(std::string_view file, std::string_view text);

/// Whether what is installed depends on other files of the code too.
bool names_other_files(std::string_view file, std::string_view text);

/// What an installer wrote last, for an error: the line that says most, and a way out where it reached no network.
std::string reason_of(std::string_view words);

}  // namespace shallop::build
