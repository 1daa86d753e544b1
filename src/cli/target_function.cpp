// SPDX-License-Identifier: Apache-2.0
#include "cli/target_function.h"

#include <shallop/folder/document.h>

#include "cli/functions.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What a folder's own file says.
Result<SourceFunction> folder_function(Json resource, const Target& target) {
    if (resource.contains("source") && !resource["source"].is_object()) {
        return Complaint{target.place + "/shallop.yaml: source is no object (at /source)",
                         "give source: {runtime: …, entry: …, handler: …}, or leave it out"};
    }
    if (!has_source_path(resource)) resource["source"]["path"] = ".";
    const auto said = resource.value("name", Json());
    if (!said.is_null() && !said.is_string()) {
        return Complaint{target.place + "/shallop.yaml: its name is no text (at /name)", "give the name in quotes"};
    }
    auto name = !target.name.empty() ? target.name : said.is_string() ? said.get<std::string>() : std::string();
    if (name.empty()) {
        auto made = lawful_name(target.place);
        if (!made) return made.error();
        name = std::move(*made);
    }
    return source_function_from(name, std::move(resource), target.place);
}

Result<SourceFunction> plain_function(const Target& target) {
    SourceFunction function;
    function.name = target.name;
    if (function.name.empty()) {
        auto made = lawful_name(target.place);
        if (!made) return made.error();
        function.name = std::move(*made);
    }
    auto code = folder::read_code(target.place);
    if (!code) return code.error();
    function.code = std::move(*code);
    folder::say_how(function);
    return function;
}

}  // namespace

Result<SourceFunction> function_of(const Target& target) {
    auto manifest = folder::read_folder_manifest(target.place);
    if (!manifest) return manifest.error();
    return manifest->is_null() ? plain_function(target) : folder_function(std::move(*manifest), target);
}

void say(SourceFunction& function, const Json& source, bool image) {
    if (is_built(function) && (image || !source.empty())) function.source.erase("runtime");
    function.source.merge_patch(source);
}

bool is_built(const SourceFunction& function) { return function.source.value("runtime", Json()) == "dockerfile"; }

}  // namespace shallop::cli
