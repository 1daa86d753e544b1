// SPDX-License-Identifier: Apache-2.0
#include "cli/function_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "cli/ignore.h"
#include "cli/rest.h"
#include "cli/target.h"

namespace shallop::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_functions = 1000;
constexpr int deepest = 8;

constexpr std::array<std::string_view, 9> languages{".py", ".js", ".mjs", ".cjs", ".php", ".rb", ".pl", ".psgi", ".sh"};
constexpr std::array<std::string_view, 5> stems{"main", "app", "server", "handler", "function"};
constexpr std::array<std::string_view, 8> marks{"shallop.yaml",     "shallop.yml",   "package.json", "config.ru",
                                                "requirements.txt", "composer.json", "Gemfile",      "main"};

template <typename Words>
bool is_one_of(const std::string& word, const Words& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_code(const fs::path& file) { return is_one_of(file.extension().string(), languages); }

/// Whether all that is in the folder is one function.
bool is_program(const fs::path& folder) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        const auto& path = entry.path();
        if (!fs::is_regular_file(entry.symlink_status(failed))) continue;
        if (is_one_of(path.filename().string(), marks)) return true;
        if (is_code(path) && is_one_of(path.stem().string(), stems)) return true;
    }
    return false;
}

/// "[id]" is a parameter; anything else stands for itself.
std::string segment(const std::string& name) {
    const bool parameter = name.size() > 2 && name.front() == '[' && name.back() == ']';
    return parameter ? "/{" + name.substr(1, name.size() - 2) + "}" : "/" + percent_encoded(name);
}

class Search {
public:
    void enter(const fs::path& folder, const std::string& path, const std::string& route, int depth) {
        std::error_code failed;
        std::vector<fs::directory_entry> entries;
        for (const auto& entry : fs::directory_iterator(folder, failed)) entries.push_back(entry);
        std::sort(entries.begin(), entries.end());
        for (const auto& entry : entries) {
            const auto name = entry.path().filename().string();
            const auto status = entry.symlink_status(failed);
            if (name.starts_with('.') || name.starts_with('_')) continue;
            if (fs::is_directory(status) && !ignored_.leaves_out(name, true)) {
                take_folder(entry.path(), path + name, route + segment(name), depth);
            } else if (fs::is_regular_file(status) && is_code(entry.path())) {
                take_file(entry.path(), path + name, route);
            }
        }
    }

    PlacedFunctions take() {
        PlacedFunctions found{{}, std::move(complaints_)};
        for (auto& [name, function] : by_name_) found.functions.push_back(std::move(function));
        return found;
    }

private:
    void take_folder(const fs::path& folder, const std::string& path, const std::string& route, int depth) {
        std::error_code failed;
        if (fs::exists(folder / "Dockerfile", failed)) {
            complaints_.push_back(
                {path + " has a Dockerfile, and no image is made of it here",
                 "build it: docker build -t NAME " + folder.string() + ", then: shallop deploy NAME --image NAME"});
        } else if (is_program(folder)) {
            add(folder, path, path, route + "/*");
        } else if (depth < deepest) {
            enter(folder, path + "/", route, depth + 1);
        }
    }

    void take_file(const fs::path& file, const std::string& path, const std::string& route) {
        const auto stem = file.stem().string();
        const auto name = path.substr(0, path.size() - file.extension().string().size());
        if (stem != "index") return add(file, path, name, route + segment(stem) + (stem.front() == '[' ? "" : "/*"));
        add(file, path, name, route.empty() ? "/" : route);
    }

    void add(const fs::path& place, const std::string& path, std::string words, const std::string& route) {
        std::replace(words.begin(), words.end(), '/', '-');
        const auto name = lawful_name("/" + words + "/");  // a folder's name, which has no extension
        if (!name) {
            complaints_.push_back({path + ": " + name.error().what, "give the file another name"});
            return;
        }
        if (by_name_.size() >= most_functions) {
            complaints_.push_back(
                {path + " is one function too many", "keep at most " + std::to_string(most_functions)});
            return;
        }
        const auto same = [&](const auto& one) { return one.first == *name || one.second.route == route; };
        const auto other = std::find_if(by_name_.begin(), by_name_.end(), same);
        if (other == by_name_.end()) {
            by_name_.emplace(*name, PlacedFunction{*name, place.string(), path, route});
            return;
        }
        const bool routes = other->second.route == route;
        complaints_.push_back({path + " and " + other->second.path + " would have the same " +
                                   (routes ? "route " + route : "name " + *name),
                               "give one of them another name; until then " + other->second.path + " has it"});
    }

    IgnoreList ignored_;
    std::map<std::string, PlacedFunction> by_name_;
    std::vector<Complaint> complaints_;
};

}  // namespace

PlacedFunctions functions_in(const std::string& folder) {
    Search search;
    search.enter(folder, "", "", 1);
    return search.take();
}

}  // namespace shallop::cli
