// SPDX-License-Identifier: Apache-2.0
#include <shallop/source/guess.h>

#include <algorithm>
#include <array>

namespace shallop::source {

using base::Error;
using base::Fault;
using base::Result;

namespace {

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
        {"php", {"index.php", "main.php"}, {".php"}},
        {"ruby", {"config.ru", "main.rb", "app.rb", "handler.rb"}, {".rb", ".ru"}},
        {"perl", {"app.psgi", "main.pl", "index.pl", "handler.pl"}, {".pl", ".psgi"}},
        {"bash", {"main.sh", "run.sh", "index.sh"}, {".sh", ".bash"}},
        {"static", {"main"}, {}},
    }};
    return all;
}

bool has(const std::vector<std::string>& files, std::string_view file) {
    return std::binary_search(files.begin(), files.end(), file, std::less<>());
}

bool is_kind(const Usual& usual, std::string_view file) {
    return std::any_of(usual.extensions.begin(), usual.extensions.end(), [&](auto e) { return file.ends_with(e); });
}

/// The file of the tree that this runtime would run; "" if there is none.
std::string entry_for(const Usual& usual, const std::vector<std::string>& files) {
    for (const auto name : usual.entries) {
        if (has(files, name)) return std::string(name);
    }
    std::string only;
    for (const auto& file : files) {
        if (file.find('/') != file.npos || !is_kind(usual, file)) continue;
        if (!only.empty()) return "";
        only = file;
    }
    return only;
}

std::string seen(const std::vector<std::string>& files) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t at = 0; at < std::min(files.size(), most); ++at)
        text += (at == 0 ? "" : ", ") + files[at].substr(0, 80);
    if (files.size() > most) text += " and " + std::to_string(files.size() - most) + " more";
    return text;
}

std::string list(const Names& names) {
    std::string text;
    for (const auto name : names) text.append(text.empty() ? "" : ", ").append(name);
    return text;
}

const Usual* find(std::string_view runtime) {
    const auto& all = runtimes();
    const auto at = std::find_if(all.begin(), all.end(), [&](const Usual& u) { return u.runtime == runtime; });
    return at == all.end() ? nullptr : &*at;
}

Result<Guess> guess_runtime(const std::vector<std::string>& files, std::string_view entry) {
    std::vector<Guess> fitting;
    for (const auto& usual : runtimes()) {
        auto found = entry.empty()           ? entry_for(usual, files)
                     : is_kind(usual, entry) ? std::string(entry)
                                             : std::string();
        if (!found.empty()) fitting.push_back({std::string(usual.runtime), std::move(found)});
    }
    // A single file without an extension may be a program; beside sources it is something that they use.
    if (fitting.size() > 1 && fitting.back().runtime == "static") fitting.pop_back();
    if (fitting.size() == 1) return fitting.front();
    if (fitting.empty())
        return Error(Fault::invalid, "no runtime is known for these files (" + seen(files) +
                                         "): give \"runtime\" (such as python or node) and \"entry\", the file to run");
    std::string which;
    for (const auto& one : fitting) which += (which.empty() ? "" : ", ") + one.entry + " by " + one.runtime;
    return Error(Fault::invalid, "more than one runtime fits: " + which + "; give \"runtime\"");
}

}  // namespace

Result<Guess> guess(const std::vector<std::string>& files, std::string_view runtime, std::string_view entry) {
    if (!entry.empty() && !has(files, entry))
        return Error(Fault::invalid,
                     "the entry '" + std::string(entry.substr(0, 100)) + "' is none of the files: " + seen(files));
    if (runtime.empty()) return guess_runtime(files, entry);
    Guess guess{std::string(runtime), std::string(entry)};
    const auto* usual = find(runtime);
    if (!guess.entry.empty() || usual == nullptr) return guess;
    guess.entry = entry_for(*usual, files);
    if (guess.entry.empty() && files.size() == 1) guess.entry = files.front();
    if (!guess.entry.empty()) return guess;
    return Error(Fault::invalid, "no file of these is one that " + guess.runtime + " usually begins with (" +
                                     list(usual->entries) + "): give \"entry\"; there are " + seen(files));
}

}  // namespace shallop::source
