// SPDX-License-Identifier: Apache-2.0
#include "cli/manifest.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

namespace shallop::cli {
namespace {

constexpr std::size_t largest_manifest = 4UL << 20;
constexpr int deepest = 32;
constexpr int most_nodes = 50'000;  ///< aliases make more nodes than there are bytes

/// What YAML's core schema makes of a plain word.
Json plain_scalar(const std::string& word) {
    if (word.empty() || word == "~" || word == "null" || word == "Null" || word == "NULL") return nullptr;
    if (word == "true" || word == "True" || word == "TRUE") return true;
    if (word == "false" || word == "False" || word == "FALSE") return false;
    const auto* const end = word.data() + word.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(word.data(), end, whole); read.ec == std::errc{} && read.ptr == end)
        return whole;
    double real = 0;
    const auto read = std::from_chars(word.data(), end, real);
    if (read.ec == std::errc{} && read.ptr == end && std::isfinite(real)) return real;
    return word;
}

/// Turns nodes into JSON, within the bounds above.
class Converter {
public:
    Json convert(const YAML::Node& node, int depth = 0) {
        if (depth > deepest || ++nodes_ > most_nodes)
            throw YAML::Exception(node.Mark(), "nested too deep, or too large");
        switch (node.Type()) {
            case YAML::NodeType::Scalar:
                return node.Tag() == "!" ? Json(node.Scalar()) : plain_scalar(node.Scalar());
            case YAML::NodeType::Sequence:
                return sequence(node, depth);
            case YAML::NodeType::Map:
                return map(node, depth);
            default:
                return nullptr;
        }
    }

private:
    Json sequence(const YAML::Node& node, int depth) {
        auto array = Json::array();
        for (const auto& item : node) array.push_back(convert(item, depth + 1));
        return array;
    }
    Json map(const YAML::Node& node, int depth) {
        auto object = Json::object();
        for (const auto& item : node) {
            const auto key = item.first.Scalar();
            if (object.contains(key)) throw YAML::Exception(item.first.Mark(), "'" + key + "' is there twice");
            object[key] = convert(item.second, depth + 1);
        }
        return object;
    }

    int nodes_ = 0;
};

Complaint bad_file(const std::string& from, const std::string& why) {
    return {from + " is no manifest: " + why,
            "a manifest is a function resource in JSON or YAML, with at least name and image or source"};
}

/// Every document of the text; throws what the parsers throw.
std::vector<Json> parse_documents(std::string_view text) {
    const auto start = text.find_first_not_of(" \t\r\n");
    if (start != std::string_view::npos && text[start] == '{') return {Json::parse(text)};
    std::vector<Json> documents;
    for (const auto& node : YAML::LoadAll(std::string(text))) {
        if (!node.IsNull()) documents.push_back(Converter().convert(node));
    }
    return documents;
}

Result<std::string> read_stream(std::istream& stream, const std::string& from) {
    std::string text;
    char piece[16 * 1024];
    while (stream.read(piece, sizeof piece) || stream.gcount() > 0) {
        text.append(piece, static_cast<std::size_t>(stream.gcount()));
        if (text.size() > largest_manifest) return bad_file(from, "it is larger than 4Mi");
    }
    return text;
}

bool is_manifest(const std::filesystem::path& path) {
    return path.extension() == ".json" || path.extension() == ".yaml" || path.extension() == ".yml";
}

Result<std::vector<Json>> documents_of(std::string_view text, const std::string& from) {
    try {
        auto documents = parse_documents(text);
        if (documents.empty()) return bad_file(from, "it is empty");
        for (const auto& document : documents) {
            if (!document.is_object()) return bad_file(from, "it holds no object");
        }
        return documents;
    } catch (const std::exception& error) {
        return bad_file(from, error.what());
    }
}

Result<std::string> read_text(const std::string& path, const std::string& from) {
    if (path == "-") return read_stream(std::cin, from);
    std::ifstream file(path, std::ios::binary);
    if (!file) return Complaint{"cannot read " + path, "check the file's name and that you may read it"};
    return read_stream(file, from);
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
    auto documents = documents_of(text, from);
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
    const auto text = read_text(path, from);
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

Result<Json> read_folder_manifest(const std::string& folder) {
    for (const auto* const name : {"shallop.yaml", "shallop.yml"}) {
        const auto path = folder + "/" + name;
        std::error_code failed;
        if (!std::filesystem::exists(path, failed)) continue;
        const auto text = read_text(path, path);
        if (!text) return text.error();
        auto documents = documents_of(*text, path);
        if (!documents) return documents.error();
        if (documents->size() > 1 || documents->front().contains("functions")) {
            return Complaint{path + " is of several functions", "use: shallop apply -f " + path};
        }
        return std::move(documents->front());
    }
    return Json();
}

}  // namespace shallop::cli
