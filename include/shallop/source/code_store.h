// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/log.h>
#include <shallop/base/result.h>
#include <shallop/base/units.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// The code of functions that are given as files: archives come in, content-addressed trees are kept, and filled into instances.
namespace shallop::source {

using async::Task;
using base::Bytes;
using base::Result;
using base::Status;

/// Bounds of what comes in (L8); each refusal names the entry.
struct Limits {
    Bytes upload = 64ULL << 20;     ///< as it was sent; kept by whoever receives it
    Bytes unpacked = 256ULL << 20;  ///< all files together
    std::size_t entries = 20'000;   ///< files and directories
    std::size_t ratio = 200;        ///< unpacked to sent, beyond the first MiB
    std::size_t path = 1024;        ///< bytes of an entry's path
    std::size_t depth = 32;         ///< directories in one another
    std::size_t puts = 2;           ///< at once; the others wait in line
    base::Duration unused =
        std::chrono::hours(1);  ///< a tree that nothing uses is kept as long after it was put, found or filled in
};

/// Files that belong together, immutable. The id is "sha256:" and the digest of all paths, contents and executable bits.
/// Executable is what its archive says is, and what begins with "#!" or is an ELF program.
struct Tree {
    std::string id;
    std::vector<std::string> files;  ///< paths relative to the tree, sorted
    Bytes bytes = 0;                 ///< of all files together
};

/// A file on this machine that is to be copied.
struct Copy {
    std::string path;   ///< in the tree
    std::string place;  ///< from the directory on that holds them all
    bool executable = false;
};

/// Keeps trees in one directory: DIR/trees/HEX. What was the same is kept once; what is there is whole: a tree is made beside and renamed.
/// DIR/names/NAME has the id of a tree. DIR/instances/ID is an instance's place for code: the container mounts it, empty at first, and it is filled before the code is loaded.
///
/// Work on disk is done on the BlockingPool, which outlives the store; a call that is cancelled unwinds after it, and leaves at most a whole
/// tree. Belongs to one loop; outlives its calls.
/// Faults: storage (the disk is full, or says no); invalid and too_large where what came in is refused.
class CodeStore {
public:
    /// Makes the directory (0700) and removes what an earlier run has left half-done. Blocks: for the start only.
    static Result<std::unique_ptr<CodeStore>> open(std::string directory, async::BlockingPool& pool, base::Log& log,
                                                   Limits limits = {});
    ~CodeStore();

    const Limits& limits() const { return limits_; }

    /// Path to text.
    Task<Result<Tree>> put_files(std::map<std::string, std::string> files);

    /// An upload on disk: a tar, plain or compressed by gzip, bzip2, xz or zstd, or a zip. Where all is in one directory, that is the tree.
    /// Links, devices and encrypted entries are refused, as are paths that lead out of the tree.
    Task<Result<Tree>> put_archive(std::string path);

    /// An upload on disk that is one file, and its name.
    Task<Result<Tree>> put_file(std::string path, std::string name);

    /// Copies of files below `root`. No link that somebody may put in their way leads to another file. Faults: invalid where one cannot be read.
    Task<Result<Tree>> put_copies(std::string root, std::vector<Copy> files);

    /// The same for many trees, in little more time than for one. Those that cannot be put are left out: put_copies() says why.
    Task<void> put_many_copies(std::string root, std::vector<std::vector<Copy>> trees);

    /// What was installed for some code, as an archive on disk: as put_archive(), but with all its directories, and up to five times as much of it.
    Task<Result<Tree>> put_packages(std::string path);

    /// Remembers a tree under a name of 64 hexadecimal digits, until the tree is collected.
    Task<Status> remember(std::string name, std::string id);

    /// The id of the tree that is remembered under `name`. Faults: not_found.
    Task<Result<std::string>> recall(std::string name);

    /// A file of a tree. Faults: not_found; too_large where it has more than `most` bytes.
    Task<Result<std::string>> read(std::string id, std::string path, Bytes most);

    /// The files of a tree as a tar, in memory. Faults: not_found; too_large where it has more than `most` bytes.
    Task<Result<std::string>> pack(std::string id, Bytes most);

    /// Faults: not_found.
    Task<Result<Tree>> find(std::string id);

    /// A path for an upload; whoever writes it removes it.
    std::string new_upload();

    /// An empty place for the code of `instance`: DIR/instances/INSTANCE.
    Status make_place(const std::string& instance);

    /// Puts a tree into the instance's place: by hard links, where the file system has them. What is there already stays as it is.
    /// Faults: not_found.
    Task<Status> fill(std::string instance, std::string id);

    /// The instance has ended. Returns at once; its place goes in the background.
    void drop(const std::string& instance);

    /// Removes trees that are not among `used`, and have not been since Limits::unused: neither put nor found nor filled in. Returns how many.
    Task<std::size_t> collect(std::set<std::string> used);

private:
    class Trees;
    CodeStore(std::string directory, async::BlockingPool& pool, base::Log& log, Limits limits);
    std::string scratch();
    Task<async::Semaphore::Permit> turn();
    Task<Result<Tree>> unpack_tree(std::string path, Limits limits, bool unwrapped);
    std::string place(const std::string& instance) const;

    std::string directory_;
    async::BlockingPool& pool_;
    base::Log& log_;
    Limits limits_;
    std::unique_ptr<Trees> trees_;
    std::uint64_t counter_ = 0;              ///< names in DIR/tmp
    std::optional<async::Semaphore> turns_;  ///< of puts; made by the first call, which knows the loop
};

}  // namespace shallop::source
