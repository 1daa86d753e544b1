// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "component/source/support.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using test::Opened;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> some_files(int n) {
    const auto number = std::to_string(n);
    return {{"main.py", number},
            {"lib/large.txt", std::string(50'000, static_cast<char>('a' + n % 26))},
            {"lib/" + number, ""}};
}

/// Child: puts one tree after the other, and says each number into `out` once its put has been acknowledged.
[[noreturn]] void put_until_killed(const std::string& directory, int first, int out) {
    Opened store(directory);
    for (int n = first;; ++n) {
        if (!store.run(store->put_files(some_files(n)))) ::_exit(3);
        if (::write(out, &n, sizeof n) != sizeof n) ::_exit(4);
    }
}

/// Runs the child for some acknowledged puts, kills it in a later one, and returns the last one acknowledged.
int run_and_kill(const std::string& directory, int first, int puts) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) put_until_killed(directory, first, pipe[1]);
    ::close(pipe[1]);
    int last = first - 1;
    for (int n = 0; n < puts; ++n) REQUIRE(::read(pipe[0], &last, sizeof last) == sizeof last);
    ::usleep(static_cast<useconds_t>(first % 7 * 900));  // into some other moment of the next put
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    for (int n = 0; ::read(pipe[0], &n, sizeof n) == sizeof n;) last = n;
    ::close(pipe[0]);
    return last;
}

/// The files of a tree as they are on the disk.
std::map<std::string, std::string> files_in(const std::string& tree, const std::vector<std::string>& names) {
    std::map<std::string, std::string> files;
    for (const auto& name : names) files[name] = test::read_file(tree + "/" + name);
    return files;
}

}  // namespace

TEST_CASE("killed in the middle of puts 12 times, every acknowledged tree is there and every tree is what its id says",
          "[source]") {
    test::TemporaryDirectory dir;
    const auto at = dir.path() + "/code";
    std::set<int> acknowledged;
    int next = 1;
    for (int round = 0; round < 12; ++round) {
        const int last = run_and_kill(at, next, 1 + round % 4);
        for (int n = next; n <= last; ++n) acknowledged.insert(n);
        next = last + 2;
    }
    Opened store(at);
    CHECK(store.in("tmp").empty());
    const auto trees = store.in("trees");
    for (const auto& name : trees) {
        const auto id = "sha256:" + name;
        const auto found = store.run(store->find(id));
        REQUIRE(found);
        CHECK(store.run(store->put_files(files_in(store.tree(id), found->files)))->id == id);
    }
    CHECK(store.in("trees") == trees);
    for (const int n : acknowledged) store.run(store->put_files(some_files(n))).value();
    CHECK(store.in("trees") == trees);  // they were all there
}
