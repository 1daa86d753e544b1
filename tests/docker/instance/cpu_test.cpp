// SPDX-License-Identifier: Apache-2.0
#include "docker/instance/yard.h"
#include "support/processes.h"
#include "support/room.h"
#include "support/temporary_directory.h"

#include <fstream>

using namespace shallop;
using namespace std::chrono_literals;

TEST_CASE("each call tells the CPU time since the one before, and the first one since the start", "[instance]") {
    test::Yard yard;
    auto launched = yard.launch(test::Yard::function());
    REQUIRE(launched);
    auto& one = **launched;
    const auto burn = test::shell("exec perl -e 'do { ($u, $s) = times } while $u + $s < 0.2'");
    REQUIRE(test::ok(yard.loop.run(test::run(one.channel(), burn))));
    CHECK(yard.loop.run(one.cpu_since_last()) >= 150ms);
    CHECK(yard.loop.run(one.cpu_since_last()) < 150ms);
    REQUIRE(test::ok(yard.loop.run(test::run(one.channel(), burn))));
    CHECK(yard.loop.run(one.cpu_since_last()) >= 150ms);
    one.channel().close("the test is over");
    CHECK(yard.loop.run(one.cpu_since_last()) == 0ns);
    launched->reset();
    CHECK(yard.becomes_empty());
}

TEST_CASE("CPU time is told once, never negative, and is zero where it is not known", "[instance]") {
    const test::TemporaryDirectory cgroup;
    const auto count = [&](const std::string& text) {
        std::ofstream(cgroup.path() + "/cpuacct/cpuacct.usage") << text;
    };
    std::filesystem::create_directory(cgroup.path() + "/cpuacct");
    count("5000\n");
    test::Sandbox::Options options;
    options.cgroup = cgroup.path();
    test::Room room(options);
    test::Yard yard;
    {
        instance::Instance one("counted", "", test::Yard::function(), std::move(room.channel), *yard.janitor);
        const auto since_last = [&] { return room.loop.run(one.cpu_since_last()); };
        CHECK(since_last() == 5000ns);
        CHECK(since_last() == 0ns);
        count("7000\n");
        CHECK(since_last() == 2000ns);
        count("3000\n");
        CHECK(since_last() == 0ns);
        count("\n");
        CHECK(since_last() == 0ns);
        count("8000\n");
        CHECK(since_last() == 1000ns);
        CHECK(one.channel().is_open());
        one.channel().close("the test is over");
        CHECK(since_last() == 0ns);
    }
    CHECK(yard.becomes_empty());
}
