// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fd.h>
#include <shallop/base/file.h>
#include <shallop/source/code_store.h>

#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "source/archive.h"
#include "source/path.h"
#include "source/tree_writer.h"
#include "source/trees.h"

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

Status write_files(TreeWriter& writer, const std::map<std::string, std::string>& files) {
    for (const auto& [path, text] : files) {
        if (const auto begun = writer.begin(path, false); !begun) return begun;
        if (const auto written = writer.write(text); !written) return written;
    }
    return {};
}

Status copy_bytes(TreeWriter& writer, const base::Fd& in, const std::string& path) {
    std::array<char, 16 * 1024> bytes;
    for (;;) {
        const auto got = ::read(in.get(), bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return base::file_error("read", path);
        if (got == 0) return {};
        const std::string_view piece(bytes.data(), static_cast<std::size_t>(got));
        if (const auto written = writer.write(piece); !written) return written;
    }
}

Status write_file(TreeWriter& writer, const std::string& path, const std::string& name) {
    if (name.find('/') != name.npos) return Error(Fault::invalid, shown(name) + " is no file name: it has a slash");
    const base::Fd in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) return base::file_error("read", path);
    if (const auto begun = writer.begin(name, false); !begun) return begun;
    return copy_bytes(writer, in, path);
}

/// Opens a file below `root` for reading, and nothing that a link on its path leads to.
base::Fd open_below(const base::Fd& root, const std::string& place) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const auto opened = ::syscall(SYS_openat2, root.get(), place.c_str(), &how, sizeof how);
    if (opened >= 0 || (errno != ENOSYS && errno != EPERM)) return base::Fd(static_cast<int>(opened));
    // A kernel before 5.6, or a seccomp profile that has not heard of the call: the last part alone is watched.
    return base::Fd(::openat(root.get(), place.c_str(), static_cast<int>(how.flags)));
}

Status write_copies(TreeWriter& writer, const std::string& root, const std::vector<Copy>& files) {
    const base::Fd directory(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return Error(Fault::invalid, "cannot read " + shown(root) + ": " + std::strerror(errno));
    for (const auto& file : files) {
        const auto in = open_below(directory, file.place);
        struct stat facts{};
        if (!in || ::fstat(in.get(), &facts) != 0)
            return Error(Fault::invalid, "cannot read " + shown(file.place) + ": " + std::strerror(errno));
        if (!S_ISREG(facts.st_mode)) return Error(Fault::invalid, shown(file.place) + " is no file");
        const auto size = static_cast<Bytes>(facts.st_size);
        if (const auto begun = writer.begin(file.path, file.executable, size); !begun) return begun;
        if (const auto copied = copy_bytes(writer, in, file.place); !copied) return copied;
    }
    return {};
}

/// Instances' names are ours; this is the last place that a wrong one could lead out of.
bool is_plain(const std::string& name) {
    return !name.empty() && name.front() != '.' && name.find('/') == name.npos && name.find('\0') == name.npos;
}

/// mkdir -p; ours alone.
Status make_directory(const std::string& path) {
    for (std::size_t end = path.find('/', 1); end != path.npos; end = path.find('/', end + 1))
        ::mkdir(path.substr(0, end).c_str(), 0700);  // what fails here fails again below, with its reason
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return base::file_error("make the directory", path);
    if (::chmod(path.c_str(), 0700) != 0) return base::file_error("make private", path);
    return {};
}

}  // namespace

CodeStore::CodeStore(std::string directory, async::BlockingPool& pool, base::Log& log, Limits limits)
    : directory_(std::move(directory)),
      pool_(pool),
      log_(log),
      limits_(limits),
      trees_(std::make_unique<Trees>(directory_, limits_)) {}

CodeStore::~CodeStore() = default;

Result<std::unique_ptr<CodeStore>> CodeStore::open(std::string directory, async::BlockingPool& pool, base::Log& log,
                                                   Limits limits) {
    for (const auto* part : {"/tmp", "/instances"}) remove_quietly(directory + part);
    for (const auto* part : {"", "/trees", "/names", "/tmp", "/instances"}) {
        if (const auto made = make_directory(directory + part); !made) return made.error();
    }
    return std::unique_ptr<CodeStore>(new CodeStore(std::move(directory), pool, log, limits));
}

std::string CodeStore::scratch() { return directory_ + "/tmp/" + std::to_string(++counter_); }

std::string CodeStore::place(const std::string& instance) const { return directory_ + "/instances/" + instance; }

std::string CodeStore::new_upload() { return scratch(); }

Task<async::Semaphore::Permit> CodeStore::turn() {
    const auto executor = co_await boost::asio::this_coro::executor;
    if (!turns_) turns_.emplace(executor, limits_.puts);
    co_return co_await turns_->acquire();
}

Task<Result<Tree>> CodeStore::put_files(std::map<std::string, std::string> files) {
    const auto mine = co_await turn();
    const auto at = scratch();
    auto work = [&] { return trees_->add(at, 0, [&](TreeWriter& writer) { return write_files(writer, files); }); };
    co_return co_await pool_.run(work);
}

Task<Result<Tree>> CodeStore::put_file(std::string path, std::string name) {
    const auto mine = co_await turn();
    const auto at = scratch();
    auto work = [&] { return trees_->add(at, 0, [&](TreeWriter& writer) { return write_file(writer, path, name); }); };
    co_return co_await pool_.run(work);
}

Task<Result<Tree>> CodeStore::put_copies(std::string root, std::vector<Copy> files) {
    const auto mine = co_await turn();
    const auto at = scratch();
    auto work = [&] {
        return trees_->add(at, 0, [&](TreeWriter& writer) { return write_copies(writer, root, files); });
    };
    co_return co_await pool_.run(work);
}

Task<void> CodeStore::put_many_copies(std::string root, std::vector<std::vector<Copy>> trees) {
    constexpr std::size_t at_once = 100;
    for (std::size_t from = 0; from < trees.size(); from += at_once) {
        const auto mine = co_await turn();
        const auto at = scratch();
        auto work = [&] {
            const auto write = [&](std::size_t one, TreeWriter& writer) {
                return write_copies(writer, root, trees[from + one]);
            };
            trees_->add_all(at, std::min(at_once, trees.size() - from), write);
            return true;
        };
        co_await pool_.run(work);
    }
}

Task<Result<Tree>> CodeStore::put_archive(std::string path) { return unpack_tree(std::move(path), limits_, true); }

Task<Result<Tree>> CodeStore::put_packages(std::string path) {
    constexpr std::size_t more = 5;
    auto limits = limits_;
    limits.unpacked *= more;
    limits.entries *= more;
    return unpack_tree(std::move(path), limits, false);
}

Task<Result<Tree>> CodeStore::unpack_tree(std::string path, Limits limits, bool unwrapping) {
    const auto mine = co_await turn();
    const auto at = scratch();
    std::string top;
    auto unpack_all = [&](TreeWriter& writer) -> Status {
        if (const auto done = unpack(path, limits, writer); !done || !unwrapping) return done;
        const auto unwrapped = writer.unwrap();
        if (!unwrapped) return unwrapped.error();
        top = *unwrapped;
        return {};
    };
    auto work = [&]() -> Result<Tree> {
        struct stat facts{};
        if (::stat(path.c_str(), &facts) != 0) return base::file_error("read", path);
        const auto sent = static_cast<Bytes>(std::max<off_t>(facts.st_size, 1));
        return trees_->add(at, sent, unpack_all, limits);
    };
    const auto tree = co_await pool_.run(work);
    if (tree && !top.empty())
        log_.info("an archive's only directory is its code", {{"directory", top}, {"code", tree->id}});
    co_return tree;
}

Task<Status> CodeStore::remember(std::string name, std::string id) {
    const auto at = scratch();
    auto work = [&] { return trees_->remember(name, id, at); };
    co_return co_await pool_.run(work);
}

Task<Result<std::string>> CodeStore::recall(std::string name) {
    auto work = [&] { return trees_->recall(name); };
    co_return co_await pool_.run(work);
}

Task<Result<std::string>> CodeStore::read(std::string id, std::string path, Bytes most) {
    auto work = [&] { return trees_->read(id, path, most); };
    co_return co_await pool_.run(work);
}

Task<Result<std::string>> CodeStore::pack(std::string id, Bytes most) {
    auto work = [&] { return trees_->pack(id, most); };
    co_return co_await pool_.run(work);
}

Task<Result<Tree>> CodeStore::find(std::string id) {
    auto work = [&] { return trees_->find(id); };
    co_return co_await pool_.run(work);
}

Status CodeStore::make_place(const std::string& instance) {
    if (!is_plain(instance)) return Error(Fault::invalid, shown(instance) + " is no name of an instance");
    const auto path = place(instance);
    if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0) return base::file_error("make", path);
    return {};
}

Task<Status> CodeStore::fill(std::string instance, std::string id) {
    if (!is_plain(instance)) co_return Error(Fault::invalid, shown(instance) + " is no name of an instance");
    const auto into = place(instance);
    auto work = [&] { return trees_->fill(id, into); };
    co_return co_await pool_.run(work);
}

void CodeStore::drop(const std::string& instance) {
    if (!is_plain(instance)) return;
    pool_.post([path = place(instance)] { remove_quietly(path); });
}

Task<std::size_t> CodeStore::collect(std::set<std::string> used) {
    const auto at = scratch();
    auto work = [&] { return trees_->collect(used, at); };
    co_return co_await pool_.run(work);
}

}  // namespace shallop::source
