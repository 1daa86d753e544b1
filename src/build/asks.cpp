// SPDX-License-Identifier: Apache-2.0
#include "build/asks.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <sstream>

namespace shallop::build {
namespace {

struct Manager {
    std::string_view runtime;
    std::string_view file;                  ///< says what is needed
    std::array<std::string_view, 2> locks;  ///< say it exactly
    std::string_view brought;               ///< where packages are that the code brings along
};

constexpr std::string_view requirements = "requirements.txt";

constexpr std::array<Manager, 4> managers{{
    {"python", requirements, {}, ".shallop/python/"},
    {"node", "package.json", {"npm-shrinkwrap.json", "package-lock.json"}, "node_modules/"},
    {"php", "composer.json", {"composer.lock"}, "vendor/"},
    {"ruby", "Gemfile", {"Gemfile.lock"}, "vendor/bundle/"},
}};

constexpr std::size_t longest_reason = 300;

bool has(const std::vector<std::string>& files, std::string_view file) {
    return !file.empty() && std::binary_search(files.begin(), files.end(), file, std::less<>());
}

bool has_below(const std::vector<std::string>& files, std::string_view directory) {
    const auto at = std::lower_bound(files.begin(), files.end(), directory, std::less<>());
    return at != files.end() && at->starts_with(directory);
}

bool has_members(const nlohmann::json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_object() && !at->empty();
}

bool has_line_beyond_comments(std::string_view text) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        const auto begin = line.find_first_not_of(" \t\r");
        if (begin != line.npos && line[begin] != '#') return true;
    }
    return false;
}

bool says(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != text.npos; });
}

bool is_file_here(std::string_view word) {
    if (word.find("file:") != word.npos) return true;
    if (word.find("://") != word.npos) return false;
    const auto ends = [&](std::string_view end) { return word.ends_with(end); };
    return word == "." || word.starts_with(".[") || word.find('/') != word.npos || ends(".whl") || ends(".zip") ||
           ends(".tar.gz");
}

/// As pip reads it: options that name a file, with a blank or without, and what is to be installed from here.
bool has_line_of_files(std::string_view text) {
    constexpr std::array<std::string_view, 8> options{
        "-r", "-c", "-e", "-f", "--requirement", "--constraint", "--editable", "--find-links"};
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        for (std::string word; words >> word && !word.starts_with('#');) {
            const auto begins = [&](std::string_view option) { return word.starts_with(option); };
            if (is_file_here(word) || std::any_of(options.begin(), options.end(), begins)) return true;
        }
    }
    return false;
}

std::string last_line(std::string_view words) {
    std::string last, last_error;
    std::istringstream lines{std::string(words)};
    for (std::string line; std::getline(lines, line);) {
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        if (says(line, {"ERROR:", "npm ERR! 404", "npm ERR! code", "Could not find gem", "Problem 1"}) &&
            last_error.empty())
            last_error = line;
        last = line;
    }
    return (last_error.empty() ? last : last_error).substr(0, longest_reason);
}

}  // namespace

std::vector<std::string> package_files(std::string_view runtime, const std::vector<std::string>& files) {
    const auto* const at =
        std::find_if(managers.begin(), managers.end(), [&](const Manager& m) { return m.runtime == runtime; });
    if (at == managers.end() || !has(files, at->file) || has_below(files, at->brought)) return {};
    std::vector<std::string> found{std::string(at->file)};
    for (const auto lock : at->locks) {
        if (has(files, lock)) found.emplace_back(lock);
    }
    return found;
}

bool asks_for_packages(std::string_view file, std::string_view text) {
    if (!file.ends_with(".json")) return has_line_beyond_comments(text);
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return true;  // its manager says what is wrong with it
    return has_members(json, "dependencies") || has_members(json, "optionalDependencies") ||
           has_members(json, "require");
}

bool names_other_files(std::string_view file, std::string_view text) {
    if (file == requirements) return has_line_of_files(text);
    return says(text, {"file:", "./", "path:", "path\"", "gemspec"});
}

std::string reason_of(std::string_view words) {
    auto reason = last_line(words);
    if (reason.empty()) reason = "the installer does not say why";
    if (says(words,
             {"name resolution", "ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "ECONNREFUSED", "Network is unreachable",
              "Could not resolve host", "Connection refused", "Could not reach host", "NewConnectionError"})) {
        reason +=
            " (the installer does not reach its server: see --build-network and --build-env, or bring the packages "
            "along)";
    }
    return reason;
}

}  // namespace shallop::build
