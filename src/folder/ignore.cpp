// SPDX-License-Identifier: Apache-2.0
#include "folder/ignore.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace shallop::folder {
namespace {

constexpr std::size_t most_patterns = 1000;
constexpr std::size_t longest_pattern = 256;
constexpr std::size_t most_stars = 8;  ///< fnmatch tries all ways to share a text among them

/// node_modules/.bin holds links to tools, which are of no use without a shell. Then what editors leave for a moment: copies, locks, and
/// files by which they find out what they may write.
constexpr std::array<std::string_view, 18> always{".git/",
                                                  ".hg/",
                                                  ".svn/",
                                                  "__pycache__/",
                                                  "*.pyc",
                                                  ".venv/",
                                                  "**/node_modules/.cache",
                                                  "**/node_modules/.bin",
                                                  "*~",
                                                  ".*.sw?",
                                                  "4913",
                                                  ".#*",
                                                  "#*#",
                                                  ".goutputstream-*",
                                                  "*___jb_*___",
                                                  "/.shallopignore",
                                                  "/shallop.yaml",
                                                  "/shallop.yml"};

std::string_view trimmed(std::string_view line) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

bool IgnoreList::Pattern::matches(const std::string& path) const {
    const auto fits = [this](const char* text) { return ::fnmatch(glob.c_str(), text, FNM_PATHNAME) == 0; };
    if (reach == Reach::whole) return fits(path.c_str());
    if (reach == Reach::last_part) {
        const auto slash = path.rfind('/');
        return fits(path.c_str() + (slash == std::string::npos ? 0 : slash + 1));
    }
    if (fits(path.c_str())) return true;
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        if (fits(path.c_str() + slash + 1)) return true;
    }
    return false;
}

IgnoreList::IgnoreList() {
    for (const auto line : always) add_line(line);
}

void IgnoreList::add_line(std::string_view line) {
    const bool folders_alone = line.ends_with('/');
    if (folders_alone) line.remove_suffix(1);
    const bool deep = line.starts_with("**/");
    if (deep) line.remove_prefix(3);
    const bool parts = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) return;
    const auto reach = !parts ? Reach::last_part : deep ? Reach::every_tail : Reach::whole;
    patterns_.push_back({std::string(line), reach, folders_alone});
}

Done IgnoreList::add(std::string_view text, const std::string& from) {
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        const auto where = from + ":" + std::to_string(number);
        if (line.starts_with('!')) {
            return Complaint{
                where + ": '" + std::string(line) + "' would take something back in, which is not possible",
                "leave the line out, and name only what is to be left out"};
        }
        const auto stars = std::count(line.begin(), line.end(), '*');
        if (line.size() > longest_pattern || static_cast<std::size_t>(stars) > most_stars ||
            patterns_.size() >= most_patterns) {
            return Complaint{where + ": the pattern is too long, or there are too many",
                             "write shorter or fewer patterns"};
        }
        add_line(line);
    }
    return {};
}

bool IgnoreList::leaves_out(const std::string& path, bool folder) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
        return (folder || !pattern.folders_alone) && pattern.matches(path);
    });
}

}  // namespace shallop::folder
