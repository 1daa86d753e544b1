// SPDX-License-Identifier: Apache-2.0
#include "cli/manifest.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>

namespace shallop::cli {
namespace {

using folder::read_text;

/// That of a file, or of standard input ("-").
Result<std::string> read_words(const std::string& path, const std::string& from) {
    return path == "-" ? read_text(std::cin, from) : read_text(path);
}

bool is_manifest(const std::filesystem::path& path) {
    return path.extension() == ".json" || path.extension() == ".yaml" || path.extension() == ".yml";
}

/// Sorts what the documents of one file hold.
class Reader {
public:
    Reader(std::string from, std::string directory) : from_(std::move(from)), directory_(std::move(directory)) {}

    Done read(Json document) {
        if (!document.contains("functions")) return add(std::move(document), "");
        for (const auto& [member, value] : document.items()) {
            if (member != "functions" && member != "project") {
                return bad("there is no member '" + member + "' beside \"functions\" (at /" + member + ")",
                           "say it of each function, or take it out");
            }
        }
        if (const auto read = read_project(document); !read) return read;
        auto& functions = document["functions"];
        if (!functions.is_array() && !functions.is_object()) {
            return bad("\"functions\" is neither a list nor an object (at /functions)",
                       "give a list of resources, or an object of them by their names");
        }
        for (auto& [key, resource] : functions.items()) {
            if (!resource.is_object()) return bad("a function is no object (at /functions/" + key + ")", resource_like);
            const auto added = add(std::move(resource), functions.is_object() ? key : "");
            if (!added) return added;
        }
        return {};
    }

    Manifests take() { return std::move(found_); }

private:
    static constexpr const char* resource_like = "give each its resource, with at least image or source";

    Complaint bad(const std::string& what, const std::string& todo) const { return {from_ + ": " + what, todo}; }

    Done read_project(const Json& document) {
        prefix_.clear();
        const auto project = document.find("project");
        if (project == document.end()) return {};
        if (!project->is_string() || project->get_ref<const std::string&>().empty()) {
            return bad("the project has no name (at /project)", "give a name, with which its functions' names begin");
        }
        prefix_ = project->get<std::string>() + "-";
        found_.projects.push_back(project->get<std::string>());
        return {};
    }

    Done add(Json resource, const std::string& key) {
        if (!key.empty() && !resource.contains("name")) resource["name"] = key;
        const auto name = resource.find("name");
        if (name == resource.end() || !name->is_string() || name->get_ref<const std::string&>().empty()) {
            return Complaint{from_ + " does not say which function it is (at /name)", "give the resource a \"name\""};
        }
        auto word = name->get<std::string>();
        if (!key.empty() && word != key) {
            return bad("the function '" + key + "' calls itself '" + word + "'", "leave its \"name\" out");
        }
        if (!word.starts_with(prefix_)) {
            return bad("the function '" + word + "' does not belong to its project",
                       "name it " + prefix_ + word + ": so are all functions of the project");
        }
        found_.functions.push_back({std::move(word), std::move(resource), from_, directory_});
        return {};
    }

    std::string from_;
    std::string directory_;
    std::string prefix_;
    Manifests found_;
};

void append(Manifests& all, Manifests some) {
    std::move(some.functions.begin(), some.functions.end(), std::back_inserter(all.functions));
    std::move(some.projects.begin(), some.projects.end(), std::back_inserter(all.projects));
}

Result<Manifests> read_directory(const std::string& path) {
    std::vector<std::string> files;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(path, failed)) {
        if (is_manifest(entry.path())) files.push_back(entry.path());
    }
    if (files.empty())
        return Complaint{"there is no manifest in " + path, "its files must end in .json, .yaml or .yml"};
    std::sort(files.begin(), files.end());
    Manifests all;
    for (const auto& file : files) {
        auto some = read_manifests(file);
        if (!some) return some.error();
        append(all, std::move(*some));
    }
    return all;
}

}  // namespace

Result<Manifests> parse_manifests(std::string_view text, const std::string& from, const std::string& directory) {
    auto documents = folder::parse_documents(text, from);
    if (!documents) return documents.error();
    Reader reader(from, directory);
    for (auto& document : *documents) {
        if (const auto read = reader.read(std::move(document)); !read) return read.error();
    }
    return reader.take();
}

Result<Manifests> read_manifests(const std::string& path) {
    std::error_code failed;
    if (path != "-" && std::filesystem::is_directory(path, failed)) return read_directory(path);
    const auto from = path == "-" ? std::string("standard input") : path;
    const auto text = read_words(path, from);
    if (!text) return text.error();
    const auto directory = path == "-" ? std::filesystem::path() : std::filesystem::path(path).parent_path();
    return parse_manifests(*text, from, directory.empty() ? "." : directory.string());
}

Result<Manifests> read_manifests(const std::vector<std::string>& paths) {
    Manifests all;
    for (const auto& path : paths) {
        auto some = read_manifests(path);
        if (!some) return some.error();
        append(all, std::move(*some));
    }
    std::map<std::string, std::string> seen;
    for (const auto& one : all.functions) {
        const auto [there, first] = seen.emplace(one.name, one.from);
        if (first) continue;
        return Complaint{one.from + ": the function '" + one.name + "' is there twice, also in " + there->second,
                         "take one of them out"};
    }
    return all;
}

}  // namespace shallop::cli
