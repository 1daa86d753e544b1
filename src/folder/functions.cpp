// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/percent.h>
#include <shallop/folder/functions.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "folder/ignore.h"

namespace shallop::folder {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_functions = 1000;
constexpr std::size_t most_entries = 100'000;
constexpr std::size_t longest_name = 63;
constexpr int deepest = 8;
constexpr const char* shared = "_lib";  ///< of the files beside it and below

constexpr std::array<std::string_view, 9> languages{".py", ".js", ".mjs", ".cjs", ".php", ".rb", ".pl", ".psgi", ".sh"};
constexpr std::array<std::string_view, 5> stems{"main", "app", "server", "handler", "function"};
constexpr std::array<std::string_view, 8> marks{"shallop.yaml",     "shallop.yml",   "package.json", "config.ru",
                                                "requirements.txt", "composer.json", "Gemfile",      "main"};

template <typename Words>
bool is_one_of(const std::string& word, const Words& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_code(const fs::path& file) { return is_one_of(file.extension().string(), languages); }

bool is_parameter(const std::string& name) { return name.size() > 2 && name.front() == '[' && name.back() == ']'; }

/// "[id]" is a parameter; anything else stands for itself.
std::string segment(const std::string& name) {
    return is_parameter(name) ? "/{" + name.substr(1, name.size() - 2) + "}" : "/" + base::percent_encoded(name);
}

/// The route but for the names of its parameters: two routes of one shape cannot be told apart.
std::string shape(const std::string& route) {
    std::string all;
    bool named = false;
    for (const char c : route) {
        if (c == '}') named = false;
        if (!named) all += c;
        if (c == '{') named = true;
    }
    return all;
}

/// What is in a folder, in the order of names.
struct Entry {
    fs::path path;
    fs::file_type type;
};
struct Listing {
    std::vector<Entry> entries;
    std::error_code failed;
    std::vector<std::pair<fs::path, std::error_code>> unread;  ///< of which it is not known what they are
};

Listing list(const fs::path& folder) {
    Listing listing;
    auto& failed = listing.failed;
    auto at = fs::directory_iterator(folder, failed);
    for (const auto end = fs::directory_iterator(); !failed && at != end; at.increment(failed)) {
        if (listing.entries.size() >= most_entries) failed = std::make_error_code(std::errc::value_too_large);
        std::error_code unread;
        const auto type = at->symlink_status(unread).type();
        if (type == fs::file_type::none) listing.unread.emplace_back(at->path(), unread);
        listing.entries.push_back({at->path(), type});
    }
    std::sort(listing.entries.begin(), listing.entries.end(),
              [](const Entry& a, const Entry& b) { return a.path < b.path; });
    return listing;
}

bool is_file(const Entry& entry) { return entry.type == fs::file_type::regular; }
bool is_folder(const Entry& entry) { return entry.type == fs::file_type::directory; }

enum class Kind { functions, program, image };

/// What a folder is by the files in it.
Kind kind_of(const std::vector<Entry>& entries) {
    auto kind = Kind::functions;
    for (const auto& entry : entries) {
        const auto& path = entry.path;
        if (!is_file(entry)) continue;
        if (path.filename() == "Dockerfile") return Kind::image;
        const bool begins = is_code(path) && is_one_of(path.stem().string(), stems);
        if (begins || is_one_of(path.filename().string(), marks)) kind = Kind::program;
    }
    return kind;
}

class Search {
public:
    void enter(const fs::path& folder) {
        const auto listing = list(folder);
        if (listing.failed) return miss("the folder ", folder, "", listing.failed);
        enter(listing, "", "", "", 1);
    }

    PlacedFunctions take() {
        for (std::size_t at = 0; at < placed_.size(); ++at) claim(at);
        for (auto& one : placed_) {
            if (!found_.held.contains(one.name)) found_.functions.push_back(std::move(one));
        }
        const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
        std::sort(found_.functions.begin(), found_.functions.end(), by_name);
        return std::move(found_);
    }

private:
    void enter(const Listing& listing, const std::string& path, const std::string& route, std::string lib, int depth) {
        for (const auto& entry : listing.entries) {
            if (entry.path.filename() == shared && is_folder(entry)) lib = entry.path.string();
        }
        for (const auto& entry : listing.entries) {
            const auto name = entry.path.filename().string();
            if (name.starts_with('.') || name.starts_with('_')) continue;
            if (is_folder(entry) && !ignored_.leaves_out(name, true)) {
                take_folder(entry.path, path + name, route + segment(name), lib, depth);
            } else if (is_file(entry) && is_code(entry.path)) {
                take_file(entry.path, path + name, route, lib);
            }
        }
        for (const auto& [entry, failed] : listing.unread) miss("", entry, path + entry.filename().string(), failed);
    }

    void take_folder(const fs::path& folder, const std::string& path, const std::string& route, const std::string& lib,
                     int depth) {
        const auto listing = list(folder);
        if (listing.failed) return miss("the folder ", folder, path, listing.failed);
        if (!listing.unread.empty()) return miss("the folder ", folder, path, listing.unread.front().second);
        const auto kind = kind_of(listing.entries);
        if (kind != Kind::functions) {
            add({"", folder.string(), path, route + "/*", kind == Kind::image}, path);
        } else if (depth < deepest) {
            enter(listing, path + "/", route, lib, depth + 1);
        }
    }

    void take_file(const fs::path& file, const std::string& path, const std::string& route, const std::string& lib) {
        const auto stem = file.stem().string();
        const auto words = path.substr(0, path.size() - file.extension().string().size());
        const auto rest = is_parameter(stem) ? "" : "/*";
        const auto index = route.empty() ? "/" : route;
        add({"", file.string(), path, stem == "index" ? index : route + segment(stem) + rest, false, lib}, words);
    }

    void add(PlacedFunction one, const std::string& words) {
        one.name = name_from(words);
        if (one.name.empty()) return complain(one.path + " makes no name for a function", "give it another name");
        if (placed_.size() < most_functions) return placed_.push_back(std::move(one));
        complain(one.path + " is one function too many", "keep at most " + std::to_string(most_functions));
        found_.held.insert(one.name);
    }

    /// What went meanwhile is gone; a folder that cannot be read may be full of functions.
    void miss(const std::string& what, const fs::path& place, const std::string& path, std::error_code failed) {
        if (failed == std::errc::no_such_file_or_directory && !path.empty()) return;
        complain("cannot read " + what + place.string() + ": " + failed.message(),
                 "check that it is there and may be read; until then the functions there stay as they are");
        found_.unread.push_back(path);
    }

    /// A name and a route are for one: who comes second makes both of them disputed.
    void claim(std::size_t at) {
        const auto& one = placed_[at];
        const auto name = names_.emplace(one.name, at).first->second;
        const auto route = shapes_.emplace(shape(one.route), at).first->second;
        if (name == at && route == at) return;
        const auto& other = placed_[std::min(name, route)];
        complain(one.path + " and " + other.path + " would have the same " +
                     (shape(other.route) == shape(one.route) ? "route " + one.route : "name " + one.name),
                 "give one of them another name; until then neither of them is changed");
        found_.held.insert({one.name, other.name});
    }

    void complain(std::string what, std::string todo) {
        found_.complaints.push_back({std::move(what), std::move(todo)});
    }

    IgnoreList ignored_;
    std::vector<PlacedFunction> placed_;
    std::map<std::string, std::size_t> names_, shapes_;  ///< of what was placed, and which one has it
    PlacedFunctions found_;
};

}  // namespace

bool PlacedFunctions::leaves(const std::string& name, const std::string& path) const {
    const auto within = [&](const std::string& folder) { return folder.empty() || path.starts_with(folder + "/"); };
    return held.contains(name) || std::any_of(unread.begin(), unread.end(),
                                              [&](const auto& folder) { return path == folder || within(folder); });
}

std::string name_from(std::string_view word) {
    std::string name;
    for (const char c : word) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        const bool lawful = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (lawful) {
            name += lower;
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    name.resize(std::min(name.size(), longest_name));
    while (name.ends_with('-')) name.pop_back();
    return name;
}

PlacedFunctions functions_in(const std::string& folder) {
    Search search;
    search.enter(folder);
    return search.take();
}

}  // namespace shallop::folder
