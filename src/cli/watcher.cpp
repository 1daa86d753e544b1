// SPDX-License-Identifier: Apache-2.0
#include "cli/watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/ignore.h"

namespace shallop::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_folders = 4096;
constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

Complaint cannot(const std::string& what) {
    return {"cannot watch " + what + ": " + std::strerror(errno),
            errno == ENOSPC ? "raise fs.inotify.max_user_watches, or watch a folder with fewer folders in it"
                            : "check that it is a folder which you may read"};
}

}  // namespace

Result<Watcher> Watcher::open(const std::string& folder) {
    base::Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify) return cannot(folder);
    Watcher watcher(std::move(inotify), folder);
    if (const auto armed = watcher.rearm(); !armed) return armed.error();
    return watcher;
}

Done Watcher::watch(const std::string& folder) const {
    if (::inotify_add_watch(inotify_.get(), folder.c_str(), changes) >= 0) return {};
    if (errno == ENOENT && folder != folder_) return {};  // it went meanwhile
    return cannot(folder);
}

Done Watcher::rearm() {
    std::array<char, 16 << 10> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    if (const auto done = watch(folder_); !done) return done;
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
                             "watch one of them: shallop dev " + folder_ + "/…"};
        }
        if (const auto done = watch(entries->path().string()); !done) return done;
    }
    return {};
}

}  // namespace shallop::cli
