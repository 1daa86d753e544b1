// SPDX-License-Identifier: Apache-2.0
#include "store/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace shallop::store {
namespace {

using base::Error;
using base::Fault;

Error refused(const std::string& path, const std::string& doing) {
    return {Fault::storage,
            "cannot " + doing + " " + path + ": " + std::strerror(errno) + "; choose another --data-dir or correct it"};
}

/// mkdir -p; what is made is ours alone.
base::Status make(const std::string& path) {
    for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
        ::mkdir(path.substr(0, end).c_str(), 0755);  // what fails here fails again below, with its reason
    }
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return refused(path, "make the data directory");
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return refused(path, "read the data directory");
    if (!S_ISDIR(info.st_mode)) {
        return Error(Fault::storage, path + " is not a directory; choose another --data-dir");
    }
    return {};
}

void warn_if_open_to_others(const std::string& path, base::Log& log) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0 || (info.st_mode & 022) == 0) return;
    log.warn("others can write to the data directory; chmod 700 it", {{"path", path}});
}

std::string holder(int fd) {
    std::array<char, 32> text{};
    const auto size = ::pread(fd, text.data(), text.size(), 0);
    std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return pid.substr(0, pid.find_first_not_of("0123456789"));
}

base::Result<base::Fd> take_lock(const std::string& directory) {
    const auto path = directory + "/shallop.lock";
    base::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return refused(path, "open");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return refused(path, "lock");
        const auto pid = holder(fd.get());
        return Error(Fault::conflict, "another shallop" + (pid.empty() ? pid : " (process " + pid + ")") + " uses " +
                                          directory + ": stop it, or give this one another --data-dir");
    }
    // For the message above alone: on a full disk it stays empty.
    const auto pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd.get(), 0) == 0) [[maybe_unused]]
        const auto written = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
    return fd;
}

}  // namespace

base::Result<Directory> Directory::open(const std::string& path, base::Log& log) {
    Directory directory;
    directory.path_ = path;
    if (auto made = make(path); !made) return made.error();
    warn_if_open_to_others(path, log);
    auto lock = take_lock(path);
    if (!lock) return lock.error();
    directory.lock_ = std::move(*lock);
    // SQLite would make it with the umask's mode; its other files take over the mode of this one.
    const auto file = directory.database();
    const base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return refused(file, "open");
    if (::fchmod(fd.get(), 0600) != 0) return refused(file, "make private");
    return directory;
}

bool Directory::left_unclean() const {
    struct stat info{};
    return ::stat((database() + "-wal").c_str(), &info) == 0 && info.st_size > 0;
}

void Directory::sync() const {
    const base::Fd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) ::fsync(fd.get());
}

}  // namespace shallop::store
