// SPDX-License-Identifier: Apache-2.0
#include "support/room.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <unistd.h>
#include <csignal>

using namespace shallop;
using namespace shallop::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

TEST_CASE("a process gets its input and its output is ours", "[shim]") {
    Room room;
    shim::ExecRequest request;
    request.argv = {"tr", "a-z", "A-Z"};
    const auto ran = room.run(request, "shallop\n");
    REQUIRE(ok(ran));
    CHECK(ran->out == "SHALLOP\n");
    CHECK(ran->exit.code == 0);
    CHECK(ran->exit.signal == 0);
    CHECK(ran->exit.max_rss > 100000);
}

TEST_CASE("an exit status and a fatal signal are told apart", "[shim]") {
    Room room;
    CHECK(room.run("exit 7")->exit.code == 7);
    const auto killed = room.run("kill -TERM $$");
    CHECK(killed->exit.code == -1);
    CHECK(killed->exit.signal == SIGTERM);
    CHECK_FALSE(room.run("kill -KILL $$")->exit.out_of_memory);
}

TEST_CASE("used processor time is reported", "[shim]") {
    Room room;
    const auto ran = room.run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    REQUIRE(ok(ran));
    CHECK(ran->exit.user + ran->exit.system > std::chrono::milliseconds(5));
}

TEST_CASE("an empty argv runs the container's own command", "[shim]") {
    Sandbox::Options options;
    options.command = {"echo", "own command"};
    Room room(options);
    CHECK(room.channel->command_words() == 2);
    CHECK(room.run(shim::ExecRequest{})->out == "own command\n");
}

TEST_CASE("a container without a command says so when none is given", "[shim]") {
    Room room;
    CHECK(room.channel->command_words() == 0);
    const auto ran = room.run(shim::ExecRequest{});
    REQUIRE_FALSE(ok(ran));
    CHECK(ran.error().fault == base::Fault::launch_failed);
    CHECK_THAT(ran.error().detail, ContainsSubstring("has no command"));
}

TEST_CASE("the environment is the container's with ours over it", "[shim]") {
    Room room;
    shim::ExecRequest request;
    request.argv = {"env"};
    request.env = {"HOME=/elsewhere", "NEW=1", "KEPT", "EMPTY="};
    const auto ran = room.run(request);
    REQUIRE(ok(ran));
    CHECK_THAT(ran->out, ContainsSubstring("HOME=/elsewhere\n"));
    CHECK_THAT(ran->out, ContainsSubstring("NEW=1\n"));
    CHECK_THAT(ran->out, ContainsSubstring("EMPTY=\n"));
    CHECK_THAT(ran->out, ContainsSubstring("PATH=/usr/bin:/bin\n"));
    CHECK_THAT(ran->out, !ContainsSubstring("KEPT"));
    CHECK_THAT(ran->out, !ContainsSubstring("HOME=/\n"));
    CHECK_THAT(room.run("echo $KEPT")->out, StartsWith("by the container"));
}

TEST_CASE("a program is looked up in the PATH it will have", "[shim]") {
    Room room;
    REQUIRE(
        ok(room.run("mkdir /tmp/mine && printf '#!/bin/sh\\necho mine' > /tmp/mine/tool && chmod +x /tmp/mine/tool")));
    shim::ExecRequest request;
    request.argv = {"tool"};
    CHECK_FALSE(ok(room.run(request)));
    request.env = {"PATH=/nowhere:/tmp/mine"};
    CHECK(room.run(request)->out == "mine\n");
}

TEST_CASE("cwd is where the process starts, and relative programs are found from there", "[shim]") {
    Room room;
    CHECK(room.run("pwd")->out == "/tmp\n");
    shim::ExecRequest request;
    request.argv = {"./pwd"};
    request.cwd = "/usr/bin";
    CHECK(room.run(request)->out == "/usr/bin\n");
}

TEST_CASE("each reason not to start is said in words", "[shim]") {
    Room room;
    const auto reason = [&](std::vector<std::string> argv, std::string cwd = {}) {
        shim::ExecRequest request;
        request.argv = std::move(argv);
        request.cwd = std::move(cwd);
        const auto ran = room.run(request);
        REQUIRE_FALSE(ok(ran));
        CHECK(ran.error().fault == base::Fault::launch_failed);
        return ran.error().detail;
    };
    REQUIRE(
        ok(room.run("printf 'no program' > /tmp/text; chmod +x /tmp/text; printf '#!/no/such\\n' > /tmp/script; chmod "
                    "+x /tmp/script")));
    CHECK(reason({"absent"}) == "no such file: absent (looked in PATH /usr/bin:/bin)");
    CHECK(reason({"/absent"}) == "no such file: /absent");
    CHECK(reason({"/etc"}) == "not an executable file: /etc");
    CHECK_THAT(reason({"/tmp/text"}), StartsWith("exec format error: /tmp/text"));
    CHECK_THAT(reason({"/tmp/script"}), StartsWith("the interpreter of /tmp/script is missing"));
    CHECK(reason({"true"}, "/absent") == "cannot enter the working directory /absent: No such file or directory");
    CHECK_THAT(reason({""}), StartsWith("no such file: "));
    CHECK(room.run("exit 0")->exit.code == 0);
}

TEST_CASE("a command that does not fit a frame is too large and costs nothing", "[shim]") {
    Room room;
    shim::ExecRequest request;
    request.argv = {"true", std::string(100000, 'x'), std::string(100000, 'y')};
    const auto ran = room.run(request);
    REQUIRE_FALSE(ok(ran));
    CHECK(ran.error().fault == base::Fault::too_large);
    request.argv = {"true", std::string("a\0b", 3)};
    CHECK(room.run(request).error().fault == base::Fault::invalid);
    request.argv = {"sh", "-c", "echo ${#1} ${#BIG}", "sh", std::string(120000, 'x')};
    request.env = {"BIG=" + std::string(30000, 'y')};
    CHECK(room.run(request)->out == "120000 30000\n");
}

TEST_CASE("a process starts clean: three descriptors, no signal blocked or ignored, a session of its own", "[shim]") {
    Room room;
    const auto ran = room.run(
        "exec 2>/dev/null; ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status; "
        "[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && [ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo leads");
    REQUIRE(ok(ran));
    // ls itself holds one more for the directory
    CHECK(ran->out == "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nleads\n");
}

TEST_CASE("the limit on open files is the one asked for", "[shim]") {
    Room room;
    auto request = shell("ulimit -n; ulimit -Hn");
    request.files = 77;
    CHECK(room.run(request)->out == "77\n77\n");
    const auto ours = room.run("ulimit -n");
    CHECK(std::stoi(ours->out) == static_cast<int>(sysconf(_SC_OPEN_MAX)));
}

TEST_CASE("a process can be signalled alone or with its group", "[shim]") {
    Room room;
    auto alone = room.start("trap 'exit 5' TERM; echo; while :; do sleep 0.01; done");
    REQUIRE(ok(alone));
    while (room.sandbox->population() < 3) room.loop.turn();  // the shell has set its trap when it runs sleep
    alone->signal(SIGTERM);
    CHECK(room.wait(*alone)->code == 5);

    Pipe pipe;
    auto out = copy_of(pipe.write);
    auto err = copy_of(pipe.write);
    pipe.write.reset();
    auto group = room.loop.run(
        room.channel->exec(shell("sleep 1000 & echo x; wait"), file_of(), std::move(out), std::move(err)));
    REQUIRE(ok(group));
    char byte = 0;
    REQUIRE(read(pipe.read.get(), &byte, 1) == 1);
    group->signal_group(SIGKILL);
    CHECK(room.wait(*group)->signal == SIGKILL);
    while (read(pipe.read.get(), &byte, 1) > 0) continue;  // ends when nobody of the group holds the pipe any more
}

TEST_CASE("dropping a running process kills its group", "[shim]") {
    Room room;
    {
        auto process = room.start("sleep 1000 & wait");
        REQUIRE(ok(process));
        while (room.sandbox->population() < 3) room.loop.turn();
    }
    while (room.sandbox->population() > 1) room.loop.turn();
    CHECK(room.channel->is_open());
}

TEST_CASE("an exec that is cancelled leaves nothing running", "[shim]") {
    Room room;
    const auto impatient = [](Room& in) -> async::Task<void> {
        auto starting = start(*in.channel, shell("sleep 1000"));
        auto late =
            co_await async::within(in.loop.clock(), in.loop.in(std::chrono::nanoseconds(1)), std::move(starting));
        REQUIRE_FALSE(ok(late));
    };
    room.loop.run(impatient(room));
    CHECK(room.run("exit 3")->exit.code == 3);
    while (room.sandbox->population() > 1) room.loop.turn();
}

TEST_CASE("what is left of a swept process's group dies with it, a daemon of its own does not", "[shim]") {
    Room room;
    auto request = shell(
        "sleep 1000 & setsid sh -c 'touch /tmp/away; exec sleep 1000' & "
        "while [ ! -e /tmp/away ]; do sleep 0.01; done");
    request.sweep = true;
    REQUIRE(ok(room.run(request)));
    while (room.sandbox->population() != 2) room.loop.turn();
    room.channel->signal_all(SIGKILL);
    while (room.sandbox->population() != 1) room.loop.turn();
}

TEST_CASE("orphans are reaped", "[shim]") {
    Room room;
    REQUIRE(ok(room.run("for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.01 &) ; done")));
    while (room.sandbox->population() > 1) room.loop.turn();
    const auto ran = room.run("grep -l 'State:.Z' /proc/[0-9]*/status");
    CHECK(ran->out.empty());
}

TEST_CASE("hundreds of processes at once each get their own answer", "[shim]") {
    Room room;
    const auto many = [](Room& in) -> async::Task<void> {
        std::vector<shim::Process> processes;
        for (int i = 0; i < 300; ++i) {
            auto request = shell("read x; exit " + std::to_string(i % 200));
            auto process = co_await start(*in.channel, request);
            REQUIRE(ok(process));
            processes.push_back(std::move(*process));
        }
        for (int i = 0; i < 300; ++i) {
            auto exit = co_await processes[static_cast<std::size_t>(i)].wait();
            REQUIRE(ok(exit));
            REQUIRE(exit->code == i % 200);
        }
    };
    room.loop.run(many(room));
}
