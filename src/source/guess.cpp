// SPDX-License-Identifier: Apache-2.0
#include <shallop/source/guess.h>

#include <algorithm>
#include <array>
#include <optional>

#include "source/path.h"

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

using Files = std::vector<std::string>;
using Names = std::vector<std::string_view>;

struct Usual {
    std::string_view runtime;
    Names entries;     ///< first come, first taken
    Names extensions;  ///< of its files
};

const std::array<Usual, 7>& runtimes() {
    static const std::array<Usual, 7> all{{
        {"python", {"main.py", "app.py", "index.py", "handler.py", "function.py"}, {".py"}},
        {"node",
         {"index.mjs", "index.js", "index.cjs", "main.js", "app.js", "server.js", "handler.js"},
         {".js", ".mjs", ".cjs"}},
        {"php", {"index.php", "public/index.php", "main.php"}, {".php"}},
        {"ruby", {"config.ru", "main.rb", "app.rb", "handler.rb"}, {".rb", ".ru"}},
        {"perl", {"app.psgi", "main.pl", "index.pl", "handler.pl"}, {".pl", ".psgi"}},
        {"bash", {"main.sh", "run.sh", "index.sh"}, {".sh", ".bash"}},
        {"static", {"main"}, {}},
    }};
    return all;
}

bool has(const Files& files, std::string_view file) {
    return std::binary_search(files.begin(), files.end(), file, std::less<>());
}

bool is_kind(const Usual& usual, std::string_view file) {
    return std::any_of(usual.extensions.begin(), usual.extensions.end(), [&](auto e) { return file.ends_with(e); });
}

std::optional<std::string> usual_entry(const Usual& usual, const Files& files) {
    for (const auto name : usual.entries) {
        if (has(files, name)) return std::string(name);
    }
    return {};
}

/// What says that the files are the runtime's, which finds the entry itself.
std::optional<std::string> declared_entry(const Usual& usual, const Files& files) {
    if (usual.runtime == "node" && has(files, "package.json")) return "";
    return {};
}

std::optional<std::string> only_entry(const Usual& usual, const Files& files) {
    std::optional<std::string> only;
    for (const auto& file : files) {
        if (file.find('/') != file.npos || !is_kind(usual, file)) continue;
        if (only && usual.runtime == "php") return "";  // each is a page
        if (only) return {};
        only = file;
    }
    return only;
}

/// From what says most to what says least.
constexpr std::array signs{usual_entry, declared_entry, only_entry};

std::string seen(const Files& files) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t at = 0; at < std::min(files.size(), most); ++at) text += (at == 0 ? "" : ", ") + shown(files[at]);
    if (files.size() > most) text += " and " + std::to_string(files.size() - most) + " more";
    return text;
}

std::string list(const Names& names) {
    std::string text;
    for (const auto name : names) text.append(text.empty() ? "" : ", ").append(name);
    return text;
}

/// All runtimes that the strongest sign there is speaks for.
std::vector<Guess> fitting(const Files& files, std::string_view entry) {
    std::vector<Guess> fit;
    const auto add = [&](const Usual& usual, std::string_view found) {
        fit.push_back({std::string(usual.runtime), std::string(found)});
    };
    if (!entry.empty()) {
        for (const auto& usual : runtimes()) {
            const bool named = std::find(usual.entries.begin(), usual.entries.end(), entry) != usual.entries.end();
            if (named || is_kind(usual, entry)) add(usual, entry);
        }
        return fit;
    }
    for (const auto sign : signs) {
        for (const auto& usual : runtimes()) {
            if (const auto found = sign(usual, files)) add(usual, *found);
        }
        if (!fit.empty()) break;
    }
    // A program beside sources is something that they use.
    if (fit.size() > 1 && fit.back().runtime == "static") fit.pop_back();
    return fit;
}

/// The files at the top that the runtime could run.
Files rivals(const Usual& usual, const Files& files) {
    Files found;
    for (const auto& file : files) {
        if (file.find('/') == file.npos && is_kind(usual, file)) found.push_back(file);
    }
    return found;
}

Error ambiguous(const Usual& usual, const Files& rivals) {
    return {Fault::invalid, "each of " + seen(rivals) + " could be the file to run: give \"entry\", such as --entry " +
                                shown(rivals.front()) + ", or name the file " + std::string(usual.entries.front())};
}

base::Result<Guess> guess_runtime(const Files& files, std::string_view entry) {
    const auto fit = fitting(files, entry);
    if (fit.size() == 1) return fit.front();
    for (const auto& usual : runtimes()) {
        const auto several = fit.empty() ? rivals(usual, files) : Files();
        if (several.size() > 1) return ambiguous(usual, several);
    }
    if (fit.empty())
        return Error(Fault::invalid,
                     "no runtime is known for these files (" + seen(files) + "): give \"runtime\" (" +
                         "python, node, php, ruby, perl, bash, static, or your own) and \"entry\", the file to run");
    std::string which;
    for (const auto& one : fit)
        which += (which.empty() ? "" : ", ") + (one.entry.empty() ? "" : shown(one.entry) + " by ") + one.runtime;
    return Error(Fault::invalid, "more than one runtime fits: " + which + "; give \"runtime\"");
}

base::Result<Guess> guess_entry(const Files& files, const Usual& usual) {
    for (const auto sign : signs) {
        if (auto found = sign(usual, files)) return Guess{std::string(usual.runtime), std::move(*found)};
    }
    if (files.size() == 1) return Guess{std::string(usual.runtime), files.front()};
    if (const auto several = rivals(usual, files); several.size() > 1) return ambiguous(usual, several);
    return Error(Fault::invalid, "no file of these is one that " + std::string(usual.runtime) + " begins with (" +
                                     list(usual.entries) + "): give \"entry\"; there are " + seen(files));
}

}  // namespace

base::Result<Guess> guess(const std::vector<std::string>& files, std::string_view runtime, std::string_view entry) {
    while (entry.starts_with("./")) entry.remove_prefix(2);
    if (!entry.empty() && !has(files, entry))
        return Error(Fault::invalid, "the entry " + shown(entry) + " is none of the files: " + seen(files));
    if (runtime.empty()) return guess_runtime(files, entry);
    const auto& all = runtimes();
    const auto* const usual =
        std::find_if(all.begin(), all.end(), [&](const Usual& u) { return u.runtime == runtime; });
    if (!entry.empty() || usual == all.end()) return Guess{std::string(runtime), std::string(entry)};
    return guess_entry(files, *usual);
}

bool has_files_of(std::string_view runtime, const std::vector<std::string>& files) {
    const auto& all = runtimes();
    const auto* const usual =
        std::find_if(all.begin(), all.end(), [&](const Usual& u) { return u.runtime == runtime; });
    if (usual == all.end() || usual_entry(*usual, files)) return true;
    return std::any_of(files.begin(), files.end(), [&](const auto& file) { return is_kind(*usual, file); });
}

std::vector<std::string> known_runtimes() {
    std::vector<std::string> names;
    for (const auto& usual : runtimes()) names.emplace_back(usual.runtime);
    return names;
}

}  // namespace shallop::source
