// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/document.h>
#include <shallop/folder/source_function.h>

#include <algorithm>
#include <filesystem>

namespace shallop::folder {

bool has_source_path(const Json& resource) {
    const auto source = resource.find("source");
    return source != resource.end() && source->is_object() && source->contains("path");
}

Result<SourceFunction> source_function_from(const std::string& name, Json resource, const std::string& directory) {
    SourceFunction function;
    function.name = name;
    function.whole = true;
    function.source = resource.at("source");
    resource.erase("source");
    resource.erase("name");
    function.settings = std::move(resource);
    const auto path = function.source.at("path");
    function.source.erase("path");
    if (!path.is_string() || path.get_ref<const std::string&>().empty()) {
        return Complaint{"the path of its code is no text (at /source/path)", "give a file or a folder"};
    }
    for (const auto* const member : {"code", "files"}) {
        if (!function.source.contains(member)) continue;
        return Complaint{std::string("its code is given twice (at /source/path and /source/") + member + ")",
                         "give one of path, files and code"};
    }
    const auto place = (std::filesystem::path(directory) / path.get<std::string>()).lexically_normal().string();
    auto code = read_code(place);
    if (!code) return code.error();
    function.code = std::move(*code);
    say_how(function);
    return function;
}

void say_how(SourceFunction& function) {
    if (function.code.form != Code::Form::folder || function.settings.contains("image")) return;
    const auto& files = function.code.files;
    const bool there =
        std::any_of(files.begin(), files.end(), [](const auto& file) { return file.path == "Dockerfile"; });
    if (there && function.source.empty()) function.source["runtime"] = "dockerfile";
}

namespace {

/// What a single file shares with others stands beside it, as it does in the folder.
Done add_lib(SourceFunction& function, const std::string& lib) {
    auto& code = function.code;
    std::error_code failed;
    if (code.form != Code::Form::file || std::filesystem::is_empty(lib, failed)) return {};
    auto shared = read_code(lib);
    if (!shared) return shared.error();
    function.source["entry"] = code.files.front().path;
    code.files.front().executable = false;
    code.form = Code::Form::folder;
    code.bytes += shared->bytes;
    for (auto& file : shared->files) {
        file.path = std::filesystem::path(lib).filename().string() + "/" + file.path;
        code.files.push_back(std::move(file));
    }
    std::sort(code.files.begin(), code.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return {};
}

}  // namespace

Result<SourceFunction> source_function_of(const PlacedFunction& one) {
    auto manifest = read_folder_manifest(one.place);
    if (!manifest) return manifest.error();
    auto resource = manifest->is_null() ? Json::object() : std::move(*manifest);
    if (const auto source = resource.find("source"); source != resource.end() && !source->is_object()) {
        return Complaint{one.place + "/shallop.yaml: source is no object (at /source)",
                         "give it runtime, entry or handler, or leave it out"};
    }
    const bool own_routes =
        resource.contains("source") && resource["source"].contains("routes");  // it tells them itself
    if (!resource.contains("routes") && !own_routes) resource["routes"] = Json::array({{{"path", one.route}}});
    if (one.dockerfile && (resource.contains("source") || resource.contains("image"))) {
        return Complaint{
            one.place + "/shallop.yaml: there is a Dockerfile, so there is neither source nor image to be said",
            "leave them out, or take the Dockerfile away"};
    }
    if (!has_source_path(resource)) resource["source"]["path"] = std::filesystem::absolute(one.place).string();
    auto function = source_function_from(one.name, std::move(resource), one.place);
    if (function && !one.lib.empty()) {
        const auto added = add_lib(*function, one.lib);
        if (!added) return added.error();
    }
    return function;
}

}  // namespace shallop::folder
