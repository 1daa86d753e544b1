// SPDX-License-Identifier: Apache-2.0
#include "support/room.h"

#include <shallop/shim/binary.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

using namespace shallop;
using namespace shallop::test;
using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("closing the channel ends every process, also those in sessions of their own", "[shim]") {
    Room room;
    auto process = room.start(
        "setsid sleep 1000 & trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; sleep 1000' &) ; sleep 1000");
    REQUIRE(ok(process));
    while (room.sandbox->population() < 5) room.loop.turn();
    room.channel->close("the test is over");
    CHECK(room.sandbox->wait() == 0);
    CHECK(room.sandbox->population() == 0);
    const auto exit = room.wait(*process);
    CHECK(exit.error().detail == "the container ended: the test is over");
    CHECK(room.channel->close_reason() == "the test is over");
}

TEST_CASE("a stopped container ends too when the channel closes", "[shim]") {
    Room room;
    auto process = room.start("sleep 1000");
    REQUIRE(ok(process));
    room.channel->signal_all(SIGSTOP);
    room.channel.reset();
    CHECK(room.sandbox->wait() == 0);
}

TEST_CASE("a shim that dies closes the channel, and every wait ends with the reason", "[shim]") {
    Room room;
    auto process = room.start("sleep 1000");
    REQUIRE(ok(process));
    kill(room.sandbox->pid(), SIGKILL);
    room.loop.run(room.channel->closed());
    CHECK_FALSE(room.channel->is_open());
    CHECK(room.wait(*process).error().detail == "the container ended: the container has ended");
    CHECK(room.run("true").error().fault == base::Fault::launch_failed);
    CHECK(room.loop.run(room.channel->connect("tcp:127.0.0.1:1", seconds(1))).error().fault ==
          base::Fault::function_failed);
    room.channel->signal_all(SIGTERM);
    process->signal(SIGTERM);
}

TEST_CASE("a frozen shim is a deadline", "[shim]") {
    Room room;
    kill(room.sandbox->pid(), SIGSTOP);
    const auto late = room.loop.run(room.channel->connect("unix:/tmp/x", milliseconds(0)), seconds(20));
    REQUIRE_FALSE(ok(late));
    CHECK_THAT(late.error().detail, ContainsSubstring("has not answered within 5s"));
    CHECK_FALSE(room.channel->is_open());
}

TEST_CASE("a shim that is asked to stop passes that on and follows its last process", "[shim]") {
    Room room;
    auto process = room.start("trap 'exit 9' TERM; while :; do sleep 0.01; done");
    REQUIRE(ok(process));
    while (room.sandbox->population() < 3) room.loop.turn();
    kill(room.sandbox->pid(), SIGTERM);
    CHECK(room.wait(*process)->code == 9);
    CHECK(room.sandbox->wait() == 0);
    room.loop.run(room.channel->closed());
}

TEST_CASE("an idle shim that is asked to stop ends", "[shim]") {
    Room room;
    kill(room.sandbox->pid(), SIGTERM);
    CHECK(room.sandbox->wait() == 0);
}

TEST_CASE("the shim is the first process of a container and nothing else", "[shim]") {
    const pid_t child = fork();
    if (child == 0) {
        const int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        execl(SHALLOP_SHIM_PATH, SHALLOP_SHIM_PATH, nullptr);
        _exit(99);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 70);
}

TEST_CASE("a shim without a daemon ends", "[shim]") {
    TemporaryDirectory nobody;
    REQUIRE(shim::write_binary(nobody.path() + "/shim").has_value());
    Sandbox sandbox(nobody.path(), {});
    const int status = sandbox.wait();
    CHECK(WEXITSTATUS(status) == 70);
}

TEST_CASE("a door lets one in and is gone then", "[shim]") {
    Loop loop;
    base::Log log(2, base::Level::error);
    TemporaryDirectory parent, binaries;
    const std::string name(120, 'n');  // longer than a socket address
    const std::string program = binaries.path() + "/program";
    REQUIRE(shim::write_binary(program).has_value());
    auto door = shim::Door::open(parent.path(), name, program, loop.executor(), loop.clock(), log);
    REQUIRE(ok(door));
    struct stat status{};
    REQUIRE(stat(door->directory().c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0755);
    REQUIRE(stat((door->directory() + "/s").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0666);
    REQUIRE(stat((door->directory() + "/shim").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0555);
    CHECK(status.st_nlink == 2);
    CHECK_FALSE(ok(shim::Door::open(parent.path(), name, program, loop.executor(), loop.clock(), log)));

    Sandbox sandbox(door->directory(), {});
    const auto channel = loop.run(door->accept(loop.in(seconds(10))));
    REQUIRE(ok(channel));
    CHECK(std::filesystem::is_empty(parent.path()));
    CHECK(loop.run(door->accept(loop.in(seconds(10)))).error().fault == base::Fault::internal);
    const auto ran = loop.run(run(**channel, shell("ls -A /.shallop")));
    REQUIRE(ok(ran));
    CHECK(ran->out.empty());
    REQUIRE(stat(program.c_str(), &status) == 0);
    CHECK(status.st_nlink == 1);
}

TEST_CASE("a door without a program is not opened and leaves nothing", "[shim]") {
    Loop loop;
    base::Log log(2, base::Level::error);
    TemporaryDirectory parent;
    const auto door = shim::Door::open(parent.path(), "x", "/nowhere/shim", loop.executor(), loop.clock(), log);
    REQUIRE_FALSE(ok(door));
    CHECK(door.error().fault == base::Fault::storage);
    CHECK(std::filesystem::is_empty(parent.path()));
}

TEST_CASE("a door nobody comes to closes at its deadline and leaves nothing", "[shim]") {
    Loop loop;
    base::Log log(2, base::Level::error);
    TemporaryDirectory parent, binaries;
    const std::string program = binaries.path() + "/program";
    REQUIRE(shim::write_binary(program).has_value());
    auto door = shim::Door::open(parent.path(), "x", program, loop.executor(), loop.clock(), log);
    REQUIRE(ok(door));
    CHECK(loop.run(door->accept(loop.in(milliseconds(20)))).error().fault == base::Fault::timed_out);
    CHECK(std::filesystem::is_empty(parent.path()));

    std::filesystem::create_directory(parent.path() + "/old");
    REQUIRE(mknod((parent.path() + "/old/s").c_str(), S_IFREG | 0600, 0) == 0);
    REQUIRE(link(program.c_str(), (parent.path() + "/old/shim").c_str()) == 0);
    shim::Door::remove_leftovers(parent.path());
    CHECK(std::filesystem::is_empty(parent.path()));
}

TEST_CASE("a door refuses another uid than the one expected", "[shim]") {
    Loop loop;
    base::Log log(2, base::Level::error);
    TemporaryDirectory parent, binaries;
    const std::string program = binaries.path() + "/program";
    REQUIRE(shim::write_binary(program).has_value());
    auto door = shim::Door::open(parent.path(), "x", program, loop.executor(), loop.clock(), log);
    REQUIRE(ok(door));
    door->expect_uid(1234);
    Sandbox::Options options;
    options.uid = 4321;
    const Sandbox sandbox(door->directory(), options);
    const auto refused = loop.run(door->accept(loop.in(seconds(10))));
    REQUIRE_FALSE(ok(refused));
    CHECK(refused.error().detail == "uid 4321 connected instead of 1234");
}
