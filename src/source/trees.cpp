// SPDX-License-Identifier: Apache-2.0
#include "source/trees.h"

#include <shallop/base/fd.h>
#include <shallop/base/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "source/pack.h"
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
constexpr std::size_t flushed_one_by_one = 16;  ///< trees; more of them are flushed with their whole file system

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

bool is_hex(std::string_view text) {
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool well_formed(std::string_view id) { return id.starts_with(prefix) && is_hex(id.substr(prefix.size())); }

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
Status CodeStore::Trees::place_tree(const TreeWriter& writer, const std::string& path, bool flushed) {
    {
        const std::lock_guard mine(turn_);
        if (touch(path)) return {};
    }
    if (!flushed) {
        if (const auto done = writer.flush(); !done) return done;
    }
    const std::lock_guard mine(turn_);
    if (touch(path)) return {};
    if (::rename(writer.root().c_str(), path.c_str()) != 0 || !touch(path)) return base::file_error("keep", path);
    return {};
}

Result<Tree> CodeStore::Trees::add(const std::string& scratch, Bytes sent,
                                   const std::function<Status(TreeWriter&)>& write, const Limits& limits) {
    const Scratch gone_at_the_end(scratch);
    TreeWriter writer(scratch, limits, sent);
    if (const auto written = write(writer); !written) return written.error();
    auto tree = writer.finish();
    if (!tree) return tree;
    const auto path = directory_ + "/trees/" + tree->id.substr(prefix.size());
    if (const auto placed = place_tree(writer, path); !placed) return placed.error();
    // Also where it was there: another put may have placed it just now.
    if (const auto flushed = base::sync_directory(directory_ + "/trees"); !flushed) return flushed.error();
    return tree;
}

void CodeStore::Trees::add_all(const std::string& scratch, std::size_t count,
                               const std::function<Status(std::size_t, TreeWriter&)>& write) {
    const Scratch gone_at_the_end(scratch);
    std::error_code failed;
    fs::create_directory(scratch, failed);
    std::vector<std::pair<std::unique_ptr<TreeWriter>, std::string>> written;
    for (std::size_t at = 0; at < count; ++at) {
        auto writer = std::make_unique<TreeWriter>(scratch + "/" + std::to_string(at), limits_);
        if (!write(at, *writer)) continue;
        const auto tree = writer->finish();
        if (!tree) continue;
        written.emplace_back(std::move(writer), directory_ + "/trees/" + tree->id.substr(prefix.size()));
    }
    // Hundreds of flushes one by one take seconds on a busy disk.
    const base::Fd all(::open(scratch.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const bool flushed_together = written.size() > flushed_one_by_one && all && ::syncfs(all.get()) == 0;
    for (const auto& [writer, path] : written) [[maybe_unused]]
        const auto placed = place_tree(*writer, path, flushed_together);
    [[maybe_unused]] const auto flushed = base::sync_directory(directory_ + "/trees");
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

Status CodeStore::Trees::remember(const std::string& name, const std::string& id, const std::string& scratch) {
    if (!is_hex(name)) return Error(Fault::invalid, shown(name) + " is no name of a tree");
    const Scratch gone_at_the_end(scratch);
    const auto path = directory_ + "/names/" + name;
    const base::Fd file(::open(scratch.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    const auto size = static_cast<ssize_t>(id.size());
    if (!file || ::write(file.get(), id.data(), id.size()) != size || ::fsync(file.get()) != 0)
        return base::file_error("write", scratch);
    if (::rename(scratch.c_str(), path.c_str()) != 0) return base::file_error("keep", path);
    return base::sync_directory(directory_ + "/names");
}

Result<std::string> CodeStore::Trees::recall(const std::string& name) {
    const Error unknown(Fault::not_found, "no tree is remembered as " + shown(name));
    if (!is_hex(name)) return unknown;
    std::ifstream file(directory_ + "/names/" + name);
    std::string id;
    if (!std::getline(file, id) || !touched(id)) return unknown;
    return id;
}

Result<std::string> CodeStore::Trees::pack(const std::string& id, Bytes most) {
    const auto path = touched(id);
    if (!path) return path.error();
    return source::pack(*path, most);
}

Result<std::string> CodeStore::Trees::read(const std::string& id, const std::string& path, Bytes most) {
    const auto tree = touched(id);
    if (!tree) return tree.error();
    const auto normal = normal_path(path, limits_);
    if (!normal) return normal.error();
    const auto full = *tree + "/" + *normal;
    const base::Fd file(::open(full.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat facts{};
    if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return Error(Fault::not_found, "there is no file " + shown(path) + " in this code");
    if (static_cast<Bytes>(facts.st_size) > most)
        return Error(Fault::too_large, shown(path) + " is larger than " + base::format_bytes(most));
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');
    if (::pread(file.get(), text.data(), text.size(), 0) != facts.st_size) return base::file_error("read", full);
    return text;
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

/// Names of trees that are gone.
void CodeStore::Trees::forget_names() const {
    std::error_code error;
    for (fs::directory_iterator at(directory_ + "/names", error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        std::string id;
        std::ifstream(at->path()) >> id;
        const bool there = well_formed(id) && fs::exists(directory_ + "/trees/" + id.substr(prefix.size()), error);
        if (!there) fs::remove(at->path(), error);
    }
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
    forget_names();
    const std::lock_guard mine(turn_);
    std::erase_if(seen_, [&](const auto& entry) { return Clock::now() - entry.second >= limits_.unused; });
    return taken;
}

}  // namespace shallop::source
