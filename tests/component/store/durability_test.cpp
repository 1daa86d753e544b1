// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fd.h>
#include <shallop/store/store.h>

#include "component/store/support.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <map>

using namespace shallop;
using base::Fault;
using test::Opened;
using test::some_function;
using test::TempDir;

namespace {

/// Child: puts one function after the other, and says each number into `out` once its put has been acknowledged.
[[noreturn]] void write_until_killed(const std::string& directory, int first, int out) {
    Opened opened(directory);
    for (int n = first;; ++n) {
        auto function = some_function("f" + std::to_string(n % 40), n);
        function.spec = std::string(3000, static_cast<char>('a' + n % 26));
        if (!opened.run(opened->put_function(std::move(function)))) ::_exit(3);
        if (::write(out, &n, sizeof n) != sizeof n) ::_exit(4);
    }
}

/// Runs the child for some acknowledged writes, kills it in the middle of the next, and returns the last one acknowledged.
int run_and_kill(const std::string& directory, int first, int writes) {
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) write_until_killed(directory, first, pipe[1]);
    ::close(pipe[1]);
    int last = first - 1;
    for (int n = 0; n < writes; ++n) REQUIRE(::read(pipe[0], &last, sizeof last) == sizeof last);
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    // What it acknowledged between our last read and its death counts too.
    for (int n = 0; ::read(pipe[0], &n, sizeof n) == sizeof n;) last = n;
    ::close(pipe[0]);
    return last;
}

/// A small file system of its own.
class SmallDisk {
public:
    SmallDisk() { mounted_ = ::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, "size=1m") == 0; }
    ~SmallDisk() {
        if (mounted_) ::umount2(dir_.path().c_str(), MNT_DETACH);
    }
    const std::string& path() const { return dir_.path(); }
    bool mounted() const { return mounted_; }

    void fill() {
        const base::Fd file(::open(ballast().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        const std::string block(4096, 'x');
        while (::write(file.get(), block.data(), block.size()) > 0) {
        }
    }
    void make_room() { ::unlink(ballast().c_str()); }

private:
    std::string ballast() const { return dir_.path() + "/ballast"; }

    TempDir dir_;
    bool mounted_ = false;
};

}  // namespace

TEST_CASE("killed in the middle of writes 20 times, every acknowledged write is there", "[store]") {
    TempDir dir;
    int next = 1;
    std::map<std::string, std::int64_t> newest;
    for (int round = 0; round < 20; ++round) {
        const int last = run_and_kill(dir.path(), next, 5 + round * 3);
        for (int n = next; n <= last; ++n) newest["f" + std::to_string(n % 40)] = n;
        Opened opened(dir.path());
        std::map<std::string, std::int64_t> found;
        for (const auto& function : opened.run(opened->load_functions()).value()) {
            found[function.name] = function.version;
            CHECK(function.spec == std::string(3000, static_cast<char>('a' + function.version % 26)));
        }
        for (const auto& [name, version] : newest) {
            CAPTURE(round, name);
            // One write may have been made durable without the child having had the time to say so.
            REQUIRE(found[name] >= version);
            REQUIRE(found[name] <= last + 1);
            REQUIRE(opened.run(opened->last_version(name)).value() == found[name]);
        }
        next = last + 2;
    }
}

TEST_CASE("a full disk is a storage fault, reads go on, and writes come back with the space", "[store]") {
    SmallDisk disk;
    REQUIRE(disk.mounted());  // needs CAP_SYS_ADMIN
    {
        Opened opened(disk.path() + "/data");
        REQUIRE(opened.run(opened->put_function(some_function("kept", 1))));
        disk.fill();
        auto big = some_function("big", 1);
        big.spec = std::string(100'000, 'x');
        for (int attempt = 0; attempt < 3; ++attempt) {
            const auto refused = opened.run(opened->put_function(big));
            REQUIRE_FALSE(refused);
            CHECK(refused.error().fault == Fault::storage);
            CHECK(refused.error().detail.find("no space is left") != std::string::npos);
            CHECK(opened->degraded());
        }
        const auto all = opened.run(opened->load_functions()).value();
        REQUIRE(all.size() == 1);
        CHECK(all[0].name == "kept");
        CHECK(opened.run(opened->last_version("big")).value() == 0);

        disk.make_room();
        REQUIRE(opened.run(opened->put_function(big)));
        CHECK_FALSE(opened->degraded());
    }
    Opened opened(disk.path() + "/data");
    CHECK(opened.run(opened->load_functions()).value().size() == 2);
}

TEST_CASE("a store that cannot be made for want of space is refused in words", "[store]") {
    SmallDisk disk;
    REQUIRE(disk.mounted());
    disk.fill();
    const auto refused = test::try_open(disk.path() + "/data");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::storage);
    CAPTURE(refused.error().detail);
    CHECK((refused.error().detail.find("no space is left") != std::string::npos ||
           refused.error().detail.find(std::strerror(ENOSPC)) != std::string::npos));
}
