// SPDX-License-Identifier: Apache-2.0
#include "source/trees.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "source/path.h"
#include "source/place.h"
#include "source/tree_writer.h"

namespace shallop::source {

using base::Error;
using base::Fault;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "sha256:";
constexpr std::size_t digits = 64;

/// A path that goes with all that is there.
class Scratch {
public:
    explicit Scratch(std::string path) : path_(std::move(path)) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { remove_quietly(path_); }

private:
    std::string path_;
};

Error failed(const std::string& what, const std::string& path) {
    return {Fault::storage, "cannot " + what + " " + path + ": " + std::strerror(errno)};
}

bool well_formed(std::string_view id) {
    return id.size() == prefix.size() + digits && id.starts_with(prefix) &&
           id.find_first_not_of("0123456789abcdef", prefix.size()) == id.npos;
}

Status flush_directory(const std::string& path) {
    const base::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return failed("flush", path);
    return {};
}

}  // namespace

void remove_quietly(const std::string& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

/// Under `turn_`. False where there is no such tree.
bool CodeStore::Trees::touch(const std::string& path) {
    if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return false;
    seen_[path] = Clock::now();
    return true;
}

/// The path of a tree that collect() spares from now on.
Result<std::string> CodeStore::Trees::touched(const std::string& id) {
    if (!well_formed(id)) return Error(Fault::not_found, "there is no code " + shown(id));
    auto path = directory_ + "/trees/" + id.substr(prefix.size());
    const std::lock_guard mine(turn_);
    if (!touch(path)) return Error(Fault::not_found, "there is no code " + shown(id));
    return path;
}

/// Makes what was written the tree at `path`, if it is not there already.
Status CodeStore::Trees::place_tree(const TreeWriter& writer, const std::string& path) {
    {
        const std::lock_guard mine(turn_);
        if (touch(path)) return {};
    }
    if (const auto flushed = writer.flush(); !flushed) return flushed;
    const std::lock_guard mine(turn_);
    if (touch(path)) return {};
    if (::rename(writer.root().c_str(), path.c_str()) != 0 || !touch(path)) return failed("keep", path);
    return {};
}

Result<Tree> CodeStore::Trees::add(const std::string& scratch, Bytes sent,
                                   const std::function<Status(TreeWriter&)>& write) {
    const Scratch gone_at_the_end(scratch);
    TreeWriter writer(scratch, limits_, sent);
    if (const auto written = write(writer); !written) return written.error();
    auto tree = writer.finish();
    if (!tree) return tree;
    const auto path = directory_ + "/trees/" + tree->id.substr(prefix.size());
    if (const auto placed = place_tree(writer, path); !placed) return placed.error();
    // Also where it was there: another put may have placed it just now.
    if (const auto flushed = flush_directory(directory_ + "/trees"); !flushed) return flushed.error();
    return tree;
}

Result<Tree> CodeStore::Trees::find(const std::string& id) {
    const auto path = touched(id);
    if (!path) return path.error();
    Tree tree;
    tree.id = id;
    std::error_code error;
    fs::recursive_directory_iterator at(*path, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        if (at->is_directory(error)) continue;
        tree.files.push_back(at->path().string().substr(path->size() + 1));
        tree.bytes += at->file_size(error);
    }
    if (error) return Error(Fault::storage, "cannot read " + *path + ": " + error.message());
    std::sort(tree.files.begin(), tree.files.end());
    return tree;
}

Status CodeStore::Trees::fill(const std::string& id, const std::string& place) {
    const auto path = touched(id);
    if (!path) return path.error();
    return fill_place(*path, place);
}

bool CodeStore::Trees::spared(const std::string& path) const {
    const auto seen = seen_.find(path);
    if (seen != seen_.end() && Clock::now() - seen->second < limits_.unused) return true;
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) return true;
    const auto age = std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(facts.st_mtime);
    return age < limits_.unused;
}

std::size_t CodeStore::Trees::collect(const std::set<std::string>& used, const std::string& scratch) {
    const Scratch gone_at_the_end(scratch);
    std::size_t taken = 0;
    std::error_code error;
    fs::create_directory(scratch, error);
    for (fs::directory_iterator at(directory_ + "/trees", error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        const auto path = at->path().string();
        const auto name = at->path().filename().string();
        const auto id = std::string(prefix) + name;
        if (!well_formed(id) || used.contains(id)) continue;
        const std::lock_guard mine(turn_);
        if (spared(path) || ::rename(path.c_str(), (scratch + "/" + name).c_str()) != 0) continue;
        seen_.erase(path);
        ++taken;
    }
    const std::lock_guard mine(turn_);
    std::erase_if(seen_, [&](const auto& entry) { return Clock::now() - entry.second >= limits_.unused; });
    return taken;
}

}  // namespace shallop::source
