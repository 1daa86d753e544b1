// SPDX-License-Identifier: Apache-2.0
#include "support/room.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <filesystem>
#include <fstream>
#include <optional>

using namespace shallop;
using namespace shallop::test;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

namespace {

/// A directory with the files in which a kernel would count, and a container that sees it as its cgroup.
class Counted {
public:
    void write(const std::string& name, const std::string& text) const {
        const auto path = std::filesystem::path(directory.path()) / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }

    base::Result<base::Duration> used() {
        if (!room) {
            Sandbox::Options options;
            options.cgroup = directory.path();
            room.emplace(options);
        }
        return room->loop.run(room->channel->cpu_used());
    }

    TemporaryDirectory directory;
    std::optional<Room> room;
};

}  // namespace

TEST_CASE("CPU time comes from cgroup v2 in microseconds", "[shim]") {
    Counted counted;
    counted.write("cgroup.events", "populated 1\nfrozen 0\n");
    counted.write("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
    CHECK(*counted.used() == microseconds(1500));
    counted.write("cpu.stat", "usage_usec 7000000001\nuser_usec 7000000000\nsystem_usec 1\n");
    CHECK(*counted.used() == microseconds(7000000001));
}

TEST_CASE("CPU time comes from cgroup v1 in nanoseconds, where its controller is mounted", "[shim]") {
    const std::string file = GENERATE("cpuacct/cpuacct.usage", "cpu,cpuacct/cpuacct.usage");
    Counted counted;
    counted.write(file, "25597700\n");
    CHECK(*counted.used() == nanoseconds(25597700));
    counted.write(file, "8000000000000000001\n");
    CHECK(*counted.used() > nanoseconds(25597700));
}

TEST_CASE("what the function makes of the counter's name changes no count", "[shim]") {
    Counted counted;
    counted.write("cpuacct/cpuacct.usage", "5\n");
    CHECK(*counted.used() == nanoseconds(5));
    REQUIRE(
        counted.room->run("cd /sys/fs/cgroup/cpuacct && mv cpuacct.usage away && echo 9 > cpuacct.usage")->exit.code ==
        0);
    CHECK(*counted.used() == nanoseconds(5));
}

TEST_CASE("a container that sees no counter of its own has no known CPU time, and goes on", "[shim]") {
    Counted counted;
    SECTION("nothing is there") {}
    SECTION("it sees the machine's hierarchy") { counted.write("cpu.stat", "usage_usec 1500\n"); }
    SECTION("the file is empty") { counted.write("cpuacct/cpuacct.usage", ""); }
    SECTION("there is no number in it") { counted.write("cpuacct/cpuacct.usage", "many\n"); }
    SECTION("the line is missing") {
        counted.write("cgroup.events", "populated 1\n");
        counted.write("cpu.stat", "user_usec 1000\n");
    }
    SECTION("the line has no number") {
        counted.write("cgroup.events", "populated 1\n");
        counted.write("cpu.stat", "usage_usec \n");
    }
    for (int i = 0; i < 2; ++i) {
        const auto used = counted.used();
        REQUIRE_FALSE(ok(used));
        CHECK(used.error().fault == base::Fault::not_found);
    }
    CHECK(counted.room->run("exit 3")->exit.code == 3);
}

TEST_CASE("used CPU time of this machine's cgroup is seen, and never goes back", "[shim]") {
    Room room;
    auto last = room.loop.run(room.channel->cpu_used());
    // A machine with cgroup v2 only shows the sandbox its own root, which is not a container's.
    if (!last && last.error().fault == base::Fault::not_found) SUCCEED("not known here");
    if (!last) return;
    const auto first = *last;
    REQUIRE(ok(room.run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")));
    for (int i = 0; i < 100; ++i) {
        const auto now = room.loop.run(room.channel->cpu_used());
        REQUIRE(ok(now));
        REQUIRE(*now >= *last);
        last = now;
    }
    CHECK(*last > first + std::chrono::milliseconds(5));
}
