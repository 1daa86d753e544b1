// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/watcher.h>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "folder/ignore.h"

namespace shallop::folder {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_folders = 4096;
constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

Complaint cannot(const std::string& what) {
    return {"cannot watch " + what + ": " + std::strerror(errno),
            errno == ENOSPC ? "raise fs.inotify.max_user_watches, or watch a folder with fewer folders in it"
                            : "check that it is a folder which you may read"};
}

}  // namespace

Result<Watcher> Watcher::open(const std::string& folder) {
    base::Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify) return cannot(folder);
    return Watcher(std::move(inotify), folder);
}

Done Watcher::watch(const std::string& folder, std::set<int>& armed) const {
    const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), changes);
    if (watch >= 0) armed.insert(watch);
    if (watch >= 0 || (errno == ENOENT && folder != folder_)) return {};  // a folder in it may have gone meanwhile
    return cannot(folder);
}

Done Watcher::rearm() {
    std::array<char, 16 << 10> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    armed_folder_ = identity();
    std::set<int> armed;
    auto done = arm(armed);
    for (const int watch : armed_) {  // of folders that have moved elsewhere
        if (!armed.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
    }
    armed_ = std::move(armed);
    return done;
}

Done Watcher::arm(std::set<int>& armed) const {
    if (const auto done = watch(folder_, armed); !done) return done;
    const IgnoreList ignored;
    std::size_t count = 1;
    std::error_code failed;
    auto entries = fs::recursive_directory_iterator(folder_, fs::directory_options::skip_permission_denied, failed);
    for (const auto end = fs::recursive_directory_iterator(); !failed && entries != end; entries.increment(failed)) {
        std::error_code gone;
        if (!fs::is_directory(entries->symlink_status(gone))) continue;
        if (ignored.leaves_out(entries->path().lexically_relative(folder_).string(), true)) {
            entries.disable_recursion_pending();
            continue;
        }
        if (++count > most_folders) {
            return Complaint{folder_ + " holds more than " + std::to_string(most_folders) + " folders",
                             "keep what is no function's in another folder"};
        }
        if (const auto done = watch(entries->path().string(), armed); !done) return done;
    }
    return {};
}

Watcher::Identity Watcher::identity() const {
    struct stat found{};
    return ::stat(folder_.c_str(), &found) == 0 ? Identity(found.st_dev, found.st_ino) : Identity();
}

bool Watcher::replaced() const { return identity() != armed_folder_; }

}  // namespace shallop::folder
