// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <shallop/folder/complaint.h>

namespace shallop::folder {

/// What of a folder is no part of the code: version control, caches, what the client itself reads there, and what `.shallopignore` says.
///
/// Its lines are those of a .gitignore without '!': "*.log" anywhere, "/build" or "a/b" from the folder on, "tmp/" for folders alone, "**/"
/// for any depth, '#' for comments.
class IgnoreList {
public:
    IgnoreList();

    /// Adds the lines of `text`; `from` is its file, for complaints.
    Done add(std::string_view text, const std::string& from);

    /// Whether `path`, relative to the folder, is left out; what is in a folder that is left out is not asked about.
    bool leaves_out(const std::string& path, bool folder) const;

private:
    /// What of a path a pattern is compared with.
    enum class Reach { last_part, whole, every_tail };

    struct Pattern {
        std::string glob;
        Reach reach;
        bool folders_alone;

        bool matches(const std::string& path) const;
    };

    void add_line(std::string_view line);

    std::vector<Pattern> patterns_;
};

}  // namespace shallop::folder
