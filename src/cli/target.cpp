// SPDX-License-Identifier: Apache-2.0
#include "cli/target.h"

#include <shallop/folder/code.h>
#include <shallop/folder/functions.h>

#include <algorithm>
#include <filesystem>

#include "cli/suggest.h"

namespace shallop::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_seen = 1000;

bool is_there(const std::string& place) {
    std::error_code failed;
    return fs::exists(place, failed);
}

bool written_as_place(const std::string& word) {
    return word.find('/') != std::string::npos || word.find('.') != std::string::npos;
}

bool is_manifest(const std::string& word) {
    return word.ends_with(".json") || word.ends_with(".yaml") || word.ends_with(".yml");
}

/// Of the files and folders here, the one that `word` was meant to name; "" if there is none.
std::string meant(const std::string& word) {
    std::error_code failed;
    std::vector<std::string> names;
    std::vector<std::string> stems;
    const auto asked = fs::path(word);
    const auto folder = asked.has_parent_path() ? asked.parent_path() : fs::path(".");
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        if (names.size() >= most_seen) break;
        names.push_back(entry.path().filename());
        if (entry.path().stem() == asked.filename()) return (folder / entry.path().filename()).string();
    }
    const auto near = nearest(asked.filename().string(), names);
    return near.empty() ? near : (folder / near).string();
}

Complaint nothing_there(const std::string& place) {
    const auto near = meant(place);
    return {"there is no file or folder '" + place + "'",
            near.empty() ? "give a file or a folder with the function's code" : "did you mean: " + near + "?"};
}

Complaint neither(const std::string& name) {
    const auto near = meant(name);
    const auto code = near.empty() ? "FILE" : near;
    return {"there is no --image, and no file or folder '" + name + "' here",
            "give --image IMAGE, or code: shallop deploy " + name + " " + code + "; see: shallop deploy --help", 2};
}

Result<Target> one_word(const std::string& word, bool has_image) {
    if (is_manifest(word)) {
        return Complaint{"'" + word + "' is a file, not the name of a function", "use: shallop apply -f " + word, 2};
    }
    if (has_image && !written_as_place(word)) return Target{word, ""};
    if (is_there(word)) return Target{"", word};
    if (written_as_place(word)) return nothing_there(word);
    return neither(word);
}

}  // namespace

Result<Target> target_from(const std::vector<std::string>& words, bool has_image) {
    if (words.size() == 1) return one_word(words.front(), has_image);
    const auto& name = words.at(0);
    const auto& place = words.at(1);
    if (words.size() > 2) {
        return Complaint{"'" + words[2] + "' is one word too many",
                         "give a name and a file or folder; the words of a command come after --", 2};
    }
    if (is_there(place)) return Target{name, place};
    if (is_there(name) && written_as_place(name)) {
        return Complaint{"'" + name + "' is a file or folder, and stands where the name goes",
                         "use: shallop deploy " + place + " " + name, 2};
    }
    return nothing_there(place);
}

Result<std::string> lawful_name(const std::string& place) {
    std::error_code failed;
    auto path = fs::absolute(place, failed).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    auto word = path.filename().string();
    if (!fs::is_directory(path, failed)) word = folder::archive_stem(word).value_or(path.stem().string());
    auto name = folder::name_from(word);
    if (!name.empty()) return name;
    return Complaint{"no name for a function can be made of '" + place + "'", "give one: shallop deploy NAME " + place,
                     2};
}

}  // namespace shallop::cli
