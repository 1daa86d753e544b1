// SPDX-License-Identifier: Apache-2.0
#include <shallop/source/code_store.h>

#include "source/archive.h"
#include "source/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace shallop::source {

using base::Error;
using base::Fault;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "sha256:";
constexpr std::size_t digits = 64;
constexpr auto spared = std::chrono::hours(1);

Error failed(const std::string& what, const std::string& path) {
    return {Fault::storage, "cannot " + what + " " + path + ": " + std::strerror(errno)};
}

void remove_quietly(const std::string& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

/// A path that goes when nobody has taken what is there.
class Scratch {
public:
    explicit Scratch(std::string path) : path_(std::move(path)) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { remove_quietly(path_); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// "" for what is no id.
std::string tree_path(const std::string& directory, std::string_view id) {
    const bool well_formed = id.size() == prefix.size() + digits && id.starts_with(prefix) &&
                             id.find_first_not_of("0123456789abcdef", prefix.size()) == id.npos;
    return well_formed ? directory + "/trees/" + std::string(id.substr(prefix.size())) : std::string();
}

Error unknown(const std::string& id) { return {Fault::not_found, "there is no code " + id.substr(0, 80)}; }

/// Makes what was written the tree of its id, if it is not there already.
Result<Tree> keep(const std::string& directory, TreeWriter& writer) {
    auto tree = writer.finish();
    if (!tree) return tree;
    const auto path = tree_path(directory, tree->id);
    const bool there = ::access(path.c_str(), F_OK) == 0;
    if (!there && ::rename(writer.root().c_str(), path.c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY)
        return failed("keep", path);
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // touched: not to be collected now
    const base::Fd trees(::open((directory + "/trees").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!trees || ::fsync(trees.get()) != 0) return failed("keep", path);
    return tree;
}

Status copy(const std::string& from, const std::string& to) {
    const base::Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts{};
    if (!in || ::fstat(in.get(), &facts) != 0) return failed("read", from);
    const base::Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, facts.st_mode & 0777));
    if (!out || ::fchmod(out.get(), facts.st_mode & 0777) != 0) return failed("write", to);
    std::array<char, 64 * 1024> bytes;
    for (;;) {
        const auto got = ::read(in.get(), bytes.data(), bytes.size());
        if (got < 0) return failed("read", from);
        if (got == 0) return {};
        for (ssize_t at = 0; at < got;) {
            const auto wrote = ::write(out.get(), bytes.data() + at, static_cast<std::size_t>(got - at));
            if (wrote <= 0) return failed("write", to);
            at += wrote;
        }
    }
}

Status put_one(const std::string& from, const std::string& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    const bool no_links = errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP;
    return no_links ? copy(from, to) : failed("link", to);
}

Status fill_place(const std::string& tree, const std::string& place) {
    std::error_code error;
    fs::recursive_directory_iterator at(tree, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        const auto from = at->path().string();
        const auto to = place + from.substr(tree.size());
        if (at->is_directory(error)) {
            if (::mkdir(to.c_str(), 0755) != 0 || ::chmod(to.c_str(), 0755) != 0) return failed("make", to);
        } else if (const auto put = put_one(from, to); !put) {
            return put;
        }
    }
    if (error) return Error(Fault::storage, "cannot read " + tree + ": " + error.message());
    return {};
}

std::size_t remove_unused(const std::string& directory, const std::set<std::string>& used) {
    std::size_t removed = 0;
    std::error_code error;
    for (fs::directory_iterator at(directory + "/trees", error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        const auto id = std::string(prefix) + at->path().filename().string();
        struct stat facts{};
        if (used.contains(id) || ::stat(at->path().c_str(), &facts) != 0) continue;
        const auto touched = std::chrono::system_clock::from_time_t(facts.st_mtime);
        if (std::chrono::system_clock::now() - touched < spared) continue;
        remove_quietly(at->path().string());
        ++removed;
    }
    return removed;
}

}  // namespace

CodeStore::CodeStore(std::string directory, async::BlockingPool& pool, base::Log& log, Limits limits)
    : directory_(std::move(directory)), pool_(pool), log_(log), limits_(limits) {}

Result<std::unique_ptr<CodeStore>> CodeStore::open(std::string directory, async::BlockingPool& pool, base::Log& log,
                                                   Limits limits) {
    for (const auto* part : {"/tmp", "/instances"}) remove_quietly(directory + part);
    for (const auto* part : {"", "/trees", "/tmp", "/instances"}) {
        const auto path = directory + part;
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make the directory", path);
        if (::chmod(path.c_str(), 0700) != 0) return failed("set the mode of", path);
    }
    return std::unique_ptr<CodeStore>(new CodeStore(std::move(directory), pool, log, limits));
}

std::string CodeStore::scratch() { return directory_ + "/tmp/" + std::to_string(++counter_); }

std::string CodeStore::new_upload() { return scratch(); }

Task<Result<Tree>> CodeStore::put_files(std::map<std::string, std::string> files) {
    auto work = [this, &files, at = scratch()]() -> Result<Tree> {
        const Scratch mine(at);
        TreeWriter writer(at, limits_);
        for (const auto& [path, text] : files) {
            const bool script = text.starts_with("#!");
            if (const auto begun = writer.begin(path, script); !begun) return begun.error();
            if (const auto written = writer.write(text); !written) return written.error();
        }
        return keep(directory_, writer);
    };
    co_return co_await pool_.run(work);
}

Task<Result<Tree>> CodeStore::put_archive(std::string path) {
    auto work = [this, &path, at = scratch()]() -> Result<Tree> {
        struct stat facts{};
        if (::stat(path.c_str(), &facts) != 0) return failed("read", path);
        const Scratch mine(at);
        TreeWriter writer(at, limits_, static_cast<Bytes>(std::max<off_t>(facts.st_size, 1)));
        if (const auto done = unpack(path, writer); !done) return done.error();
        writer.unwrap();
        return keep(directory_, writer);
    };
    co_return co_await pool_.run(work);
}

Task<Result<Tree>> CodeStore::put_file(std::string path, std::string name) {
    auto work = [this, &path, &name, at = scratch()]() -> Result<Tree> {
        if (name.find('/') != name.npos) return Error(Fault::invalid, "a single file has a name without a slash");
        const base::Fd in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!in) return failed("read", path);
        const Scratch mine(at);
        TreeWriter writer(at, limits_);
        std::array<char, 64 * 1024> bytes;
        for (bool first = true;; first = false) {
            const auto got = ::read(in.get(), bytes.data(), bytes.size());
            if (got < 0) return failed("read", path);
            const std::string_view piece(bytes.data(), static_cast<std::size_t>(got));
            const bool program = piece.starts_with("#!") || piece.starts_with(
                                                                "\x7f"
                                                                "ELF");
            if (first) {
                if (const auto begun = writer.begin(name, program); !begun) return begun.error();
            }
            if (got == 0) break;
            if (const auto written = writer.write(piece); !written) return written.error();
        }
        return keep(directory_, writer);
    };
    co_return co_await pool_.run(work);
}

Task<Result<Tree>> CodeStore::find(std::string id) {
    auto work = [this, &id]() -> Result<Tree> {
        const auto path = tree_path(directory_, id);
        if (path.empty() || ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return unknown(id);
        auto files = list_files(path);
        if (!files) return files.error();
        return Tree{id, std::move(*files)};
    };
    co_return co_await pool_.run(work);
}

Status CodeStore::make_place(const std::string& instance) {
    const auto path = directory_ + "/instances/" + instance;
    if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0) return failed("make", path);
    return {};
}

Task<Status> CodeStore::fill(std::string instance, std::string id) {
    auto work = [this, &instance, &id]() -> Status {
        const auto tree = tree_path(directory_, id);
        if (tree.empty() || ::access(tree.c_str(), F_OK) != 0) return unknown(id);
        return fill_place(tree, directory_ + "/instances/" + instance);
    };
    co_return co_await pool_.run(work);
}

void CodeStore::drop(const std::string& instance) {
    const auto gone = scratch();
    if (::rename((directory_ + "/instances/" + instance).c_str(), gone.c_str()) != 0) return;
    pool_.post([gone] { remove_quietly(gone); });
}

Task<std::size_t> CodeStore::collect(std::set<std::string> used) {
    auto work = [this, &used] { return remove_unused(directory_, used); };
    co_return co_await pool_.run(work);
}

}  // namespace shallop::source
