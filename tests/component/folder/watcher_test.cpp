// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/watcher.h>

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sys/inotify.h>

#include <fstream>

using namespace shallop;
namespace fs = std::filesystem;

namespace {

constexpr int long_ms = 10'000;

bool readable(const folder::Watcher& watcher, int patience = long_ms) {
    pollfd waiting{watcher.descriptor(), POLLIN, 0};
    return ::poll(&waiting, 1, patience) == 1;
}

folder::Watcher watching(const Folder& folder) {
    auto watcher = folder::Watcher::open(folder.path);
    REQUIRE(watcher);
    REQUIRE(watcher->rearm());
    REQUIRE_FALSE(readable(*watcher, 0));
    return std::move(*watcher);
}

}  // namespace

TEST_CASE("a change in a folder, or in one that came later, is told", "[folder]") {
    const Folder folder;
    auto watcher = watching(folder);
    folder.file("a.py");
    CHECK(readable(watcher));
    folder.file("sub/deep/b.py");
    REQUIRE(watcher.rearm());
    folder.file("sub/deep/b.py", "y");
    CHECK(readable(watcher));
    REQUIRE(watcher.rearm());
    fs::remove(folder / "sub/deep/b.py");
    CHECK(readable(watcher));
    REQUIRE(watcher.rearm());
    fs::permissions(folder / "a.py", fs::perms(0755));
    CHECK(readable(watcher));
}

TEST_CASE("what is in a folder that holds no code is not told", "[folder]") {
    const Folder folder;
    folder.file(".git/config");
    folder.file("web/__pycache__/a.pyc");
    auto watcher = watching(folder);
    folder.file(".git/config", "y");
    folder.file("web/__pycache__/a.pyc", "y");
    CHECK_FALSE(readable(watcher, 0));
}

TEST_CASE("a folder that was moved away is not listened to any more", "[folder]") {
    const Folder folder, other;
    folder.file("sub/a.py");
    auto watcher = watching(folder);
    fs::rename(folder / "sub", other / "sub");
    CHECK(readable(watcher));
    REQUIRE(watcher.rearm());
    while (readable(watcher, 0)) REQUIRE(watcher.rearm());  // the end of the watch is an event itself
    other.file("sub/a.py", "y");
    CHECK_FALSE(readable(watcher, 0));
}

TEST_CASE("a folder that is not there is complained of until it is", "[folder]") {
    const Folder folder;
    for (const auto& none : {folder / "nothing", folder.file("a.py")}) {
        auto watcher = folder::Watcher::open(none);
        REQUIRE(watcher);
        CHECK_FALSE(watcher->rearm());
    }
    auto watcher = folder::Watcher::open(folder / "later");
    REQUIRE(watcher);
    REQUIRE_FALSE(watcher->rearm());
    CHECK_FALSE(watcher->replaced());
    fs::create_directory(folder / "later");
    CHECK(watcher->replaced());
    REQUIRE(watcher->rearm());
    CHECK_FALSE(watcher->replaced());
    folder.file("later/a.py");
    CHECK(readable(*watcher));
}

TEST_CASE("a folder that goes, and another one in its place, are noticed", "[folder]") {
    const Folder parent;
    fs::create_directory(parent / "now");
    fs::create_directory(parent / "next");
    fs::create_directory_symlink("now", parent / "link");
    auto direct = folder::Watcher::open(parent / "now");
    auto by_link = folder::Watcher::open(parent / "link");
    REQUIRE(direct->rearm());
    REQUIRE(by_link->rearm());
    fs::remove(parent / "link");
    fs::create_directory_symlink("next", parent / "link");
    CHECK(by_link->replaced());
    fs::remove(parent / "now");
    CHECK(readable(*direct));
    CHECK(direct->replaced());
    CHECK_FALSE(direct->rearm());
}

TEST_CASE("more changes than the kernel keeps are told as one", "[folder]") {
    const Folder folder;
    auto watcher = watching(folder);
    std::size_t most = 16'384;
    std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
    // Each of the two names is told, so that no event is like the one before, with which it would be merged.
    for (std::size_t at = 0; at < most / 2 + 2; ++at) {
        fs::rename(at == 0 ? folder.file("a") : folder / (at % 2 == 0 ? "a" : "b"), folder / (at % 2 == 0 ? "b" : "a"));
    }
    REQUIRE(readable(watcher));
    REQUIRE(watcher.rearm());
    CHECK_FALSE(readable(watcher, 0));
    folder.file("c.py");
    CHECK(readable(watcher));
}
