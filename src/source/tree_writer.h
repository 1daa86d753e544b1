// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/source/code_store.h>

#include <openssl/evp.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace shallop::source {

/// `path` of an entry in its one spelling ("a/b"): "./" and a slash at the end are taken off. Faults: invalid, too_large, naming it.
Result<std::string> normal_path(std::string_view path, const Limits& limits);

/// Writes a tree's files below a directory of its own, within the limits, and tells what the tree is.
///
/// Nothing but files and directories is ever made there, so that no path can lead out of it. Blocks. What it wrote is the caller's to remove.
class TreeWriter {
public:
    /// `root` is made; `sent` is the size of what comes in, 0 = not compressed.
    TreeWriter(std::string root, const Limits& limits, Bytes sent = 0);
    TreeWriter(const TreeWriter&) = delete;
    TreeWriter& operator=(const TreeWriter&) = delete;
    ~TreeWriter();

    Status directory(std::string_view path);

    /// Begins a file; write() its bytes, then the next begin(), directory() or finish() ends it.
    Status begin(std::string_view path, bool executable);
    Status write(std::string_view bytes);

    /// Where all files are in one directory, that is the tree: so are most archives made. Before finish().
    void unwrap();

    /// Flushes all to the disk. Faults: invalid where there is no file.
    Result<Tree> finish();

    /// The directory that is the tree.
    const std::string& root() const { return root_; }

private:
    struct Kept {
        bool executable = false;
        std::string digest;
    };
    Status make_directories(const std::string& path);
    Status end();
    Status count_entry(const std::string& path);
    base::Error failed(const std::string& what, const std::string& path) const;

    std::string root_;
    const Limits& limits_;
    Bytes sent_;
    Bytes written_ = 0;
    std::size_t entries_ = 0;
    std::map<std::string, Kept> files_;
    std::set<std::string> directories_;
    std::string current_;
    base::Fd file_;
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest_;
};

/// The paths of all files below `root`, sorted. Blocks.
Result<std::vector<std::string>> list_files(const std::string& root);

}  // namespace shallop::source
