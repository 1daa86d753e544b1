// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/digest.h>
#include <shallop/base/fd.h>
#include <shallop/source/code_store.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace shallop::source {

/// Writes a tree's files below a directory of its own, within the limits, and tells what the tree is.
///
/// Nothing but files and directories is ever made there, so that no path can lead out of it. A file is executable where it is said to be,
/// and where it begins as a script or a program does, because a zip or a single upload cannot say. Blocks. What it wrote is the
/// caller's to remove.
class TreeWriter {
public:
    /// `root` is made; `sent` is the size of what comes in, 0 = not compressed.
    TreeWriter(std::string root, const Limits& limits, Bytes sent = 0);
    TreeWriter(const TreeWriter&) = delete;
    TreeWriter& operator=(const TreeWriter&) = delete;
    ~TreeWriter();

    Status directory(std::string_view path);

    /// Begins a file; write() its bytes, then the next begin(), directory() or finish() ends it. `size` is what is known of its size.
    Status begin(std::string_view path, bool executable, Bytes size = 0);
    Status write(std::string_view bytes);

    /// Where all is in one directory, that is the tree: so are most archives made. Returns its name, or "". Before finish().
    Result<std::string> unwrap();

    /// Faults: invalid where there is no file.
    Result<Tree> finish();

    /// What finish() told of is on the disk when this returns.
    Status flush() const;

    /// The directory that is the tree.
    const std::string& root() const { return root_; }

private:
    struct Kept {
        bool directory = false;
        bool executable = false;
        std::string digest;
    };
    Status make_directories(const std::string& path);
    Status end();
    Status count_entry(const std::string& path);
    Status check_size(Bytes written) const;
    Status flush(const std::string& path) const;
    void start_flushing() const;
    base::Error failed(const std::string& what, const std::string& path) const;

    std::string root_;
    const Limits& limits_;
    Bytes sent_;
    Bytes written_ = 0;
    std::size_t entries_ = 0;
    std::map<std::string, Kept> kept_;  ///< by path
    std::string current_;               ///< the file that is being written
    std::string start_;                 ///< its first bytes
    base::Fd file_;
    base::Digest digest_;
};

}  // namespace shallop::source
