// SPDX-License-Identifier: Apache-2.0
#include "contract/script_path.h"

namespace shallop::contract {
namespace {

/// With its dot; empty where `index` has none.
std::string_view extension_of(std::string_view index) {
    const auto name = index.substr(index.rfind('/') + 1);
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos || dot + 1 == name.size() ? std::string_view() : name.substr(dot);
}

}  // namespace

ScriptPath find_script(std::string_view path, std::string_view index) {
    const auto extension = extension_of(index);
    for (auto end = path.size(); !extension.empty() && end > 0; end = path.rfind('/', end - 1)) {
        const auto start = path.substr(0, end);
        if (start.ends_with(extension)) return {std::string(start), std::string(path.substr(end))};
        if (start.find('/') == std::string_view::npos) break;
    }
    return {"/" + std::string(index), std::string(path)};
}

}  // namespace shallop::contract
