// SPDX-License-Identifier: Apache-2.0
#include "container.h"

#include <component/shim/hostile.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace shallop;
using namespace shallop::test;
using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Container::Options of(const std::string& image, const std::string& user = {}) {
    Container::Options options;
    options.image = image;
    options.user = user;
    return options;
}

void check_echo(const base::Fd& socket) {
    REQUIRE(send(socket.get(), "hello\n", 6, MSG_DONTWAIT | MSG_NOSIGNAL) == 6);
    pollfd waiting{socket.get(), POLLIN, 0};
    REQUIRE(poll(&waiting, 1, 10000) == 1);
    char text[16] = {};
    CHECK(recv(socket.get(), text, sizeof text, MSG_DONTWAIT) == 6);
    CHECK(std::string(text) == "hello\n");
}

}  // namespace

TEST_CASE("one static program in an otherwise empty image is a function", "[shim]") {
    const std::string user = GENERATE("", "1234");
    auto options = of(image("static"), user);
    options.command = "/cat -";
    Container container(options);
    CHECK(container.run(shim::ExecRequest{}, "through the empty image")->out == "through the empty image");
    CHECK(container.run("true").error().detail.starts_with("no such file: sh (looked in PATH /"));
    container.channel.reset();
    CHECK(container.gone());
}

TEST_CASE("a musl and busybox image and a Debian image work, as root and as another user", "[shim]") {
    const std::string of_image = GENERATE("musl", "debian");
    const std::string user = GENERATE("", "1234:1234");
    Container container(of(of_image == "musl" ? image("musl") : "debian:bookworm-slim", user));
    const auto who = container.run("id -u; touch /forbidden 2>/dev/null || echo read-only; cat; exit 5");
    REQUIRE(ok(who));
    CHECK(who->out == (user.empty() ? "0\nread-only\n" : "1234\nread-only\n"));
    CHECK(who->exit.code == 5);
    if (of_image == "musl") CHECK(container.run("hello")->out == "linked with musl\n");

    REQUIRE(ok(container.run("for i in 1 2 3; do (sleep 0.01 &); done; sleep 0.1")));
    CHECK(container.run("grep -l 'State:.Z' /proc/[0-9]*/status")->out.empty());

    auto sleeper = container.start("setsid sleep 1000 & sleep 1000");
    REQUIRE(ok(sleeper));
    container.channel.reset();
    CHECK(container.gone());
}

TEST_CASE("connections in, connections out and pausing work without a network", "[shim]") {
    Container container(of(image("musl"), "1234"));
    auto server = container.start("exec nc -ll -p 8080 -e cat");
    REQUIRE(ok(server));
    const auto socket = container.loop.run(container.channel->connect("tcp:127.0.0.1:8080", seconds(5), true));
    REQUIRE(ok(socket));
    check_echo(*socket);

    container.channel->signal_all(SIGSTOP);
    // Requests are taken in their order: once this one is answered, all have been stopped.
    CHECK_FALSE(container.loop.run(container.channel->connect("tcp:127.0.0.1:1", seconds(5))).has_value());
    REQUIRE(send(socket->get(), "hello\n", 6, MSG_DONTWAIT) == 6);
    pollfd silent{socket->get(), POLLIN, 0};
    CHECK(poll(&silent, 1, 200) == 0);
    container.channel->signal_all(SIGCONT);
    CHECK(poll(&silent, 1, 10000) == 1);

    auto acceptor = container.loop.run(container.channel->listen("tcp:127.0.0.1:9000"));
    REQUIRE(ok(acceptor));
    auto client = container.start("echo hello | nc 127.0.0.1 9000");
    REQUIRE(ok(client));
    const auto arrived = container.loop.run(acceptor->accept());
    REQUIRE(ok(arrived));
    pollfd waiting{arrived->get(), POLLIN, 0};
    REQUIRE(poll(&waiting, 1, 10000) == 1);
    char text[16] = {};
    CHECK(recv(arrived->get(), text, sizeof text, MSG_DONTWAIT) == 6);
}

TEST_CASE("a process that the memory limit kills is told from one that kills itself", "[shim]") {
    Container container({});
    CHECK(container.channel->counts_oom());
    CHECK_FALSE(container.run("kill -KILL $$")->exit.out_of_memory);
    const auto direct = container.run("exec perl -e '$x = \"x\" x 200_000_000'");
    REQUIRE(ok(direct));
    CHECK(direct->exit.signal == SIGKILL);
    CHECK(direct->exit.out_of_memory);
    const auto through_shell = container.run("perl -e '$x = \"x\" x 200_000_000'; exit $?");
    CHECK(through_shell->exit.code == 137);
    CHECK(through_shell->exit.out_of_memory);
    CHECK_FALSE(container.run("kill -KILL $$")->exit.out_of_memory);
}

TEST_CASE("the CPU time of a container is what all its processes used, and not its neighbours'", "[shim]") {
    Container busy({});
    Container idle({});
    const auto used = [](Container& container) {
        const auto now = container.loop.run(container.channel->cpu_used());
        REQUIRE(ok(now));
        return *now;
    };
    const auto busy_before = used(busy);
    const auto idle_before = used(idle);
    // A child that is waited for, and one that has left for a session of its own.
    const std::string burn = "perl -e 'do { ($u, $s) = times } while $u + $s < 0.2'";
    REQUIRE(ok(busy.run(burn + "; exit 0")));
    const auto once = used(busy) - busy_before;
    CHECK(once >= milliseconds(150));
    REQUIRE(ok(busy.run("(setsid " + burn + "; echo > /tmp/done) & while [ ! -e /tmp/done ]; do sleep 0.01; done")));
    CHECK(used(busy) - busy_before >= once + milliseconds(150));
    CHECK(used(idle) - idle_before < milliseconds(150));

    auto worker = busy.start("while :; do :; done");
    REQUIRE(ok(worker));
    const auto start = used(busy);
    auto last = start;
    for (int i = 0; i < 100000 && last < start + milliseconds(50); ++i) {
        const auto now = used(busy);
        REQUIRE(now >= last);
        last = now;
    }
    CHECK(last > start);
    busy.channel->signal_all(SIGSTOP);
    CHECK(used(busy) >= last);
}

TEST_CASE("a fork bomb is refused processes, and ends with its container", "[shim]") {
    Container container(of("debian:bookworm-slim", "1234"));
    auto bomb = container.start("exec perl -e 'while (1) { fork }'");
    REQUIRE(ok(bomb));
    bool refused = false;
    for (int i = 0; i < 200 && !refused && container.channel->is_open(); ++i) {
        const auto ran = container.run("true");
        refused = !ran && ran.error().detail.find("limits.pids") != std::string::npos;
    }
    CHECK(refused);
    container.channel.reset();
    CHECK(container.gone());
}

TEST_CASE("hostile code in a container gets at neither shim nor daemon", "[shim]") {
    const std::string user = GENERATE("", "1234");
    Container container(of("debian:bookworm-slim", user));
    const auto reach = container.run(hostile::reach_into_shim);
    REQUIRE(ok(reach));
    CHECK_THAT(reach->out, ContainsSubstring("exe:refused"));
    CHECK_THAT(reach->out, !ContainsSubstring("done"));
    CHECK(container.run(hostile::connect_again)->out == "connect:refused\nplant:refused\nreplace:refused\n");
    REQUIRE(ok(container.run(hostile::signal_shim)));
    REQUIRE(ok(container.run("kill -KILL -1")));
    CHECK(container.run("exit 6")->exit.code == 6);

    auto storm = container.start(hostile::stop_newcomers);
    REQUIRE(ok(storm));
    container.channel.reset();
    CHECK(container.gone());
}

TEST_CASE("docker stop ends the function's processes in good order", "[shim]") {
    Container container({});
    auto process = container.start("trap 'exit 0' TERM; echo > /tmp/ready; while :; do sleep 0.01; done");
    REQUIRE(ok(process));
    REQUIRE(ok(container.run("while [ ! -e /tmp/ready ]; do sleep 0.01; done")));
    const auto before = std::chrono::steady_clock::now();
    docker("stop --time 60 " + container.name());
    CHECK(std::chrono::steady_clock::now() - before < seconds(30));  // TERM was enough
    CHECK(container.wait(*process)->code == 0);
    container.loop.run(container.channel->closed());
    CHECK(container.gone());
}

TEST_CASE("a daemon killed by force leaves no container, whatever runs in it", "[shim]") {
    Pipe ready;
    const TemporaryDirectory directory;  // ours, as the daemon will not clean up
    const pid_t daemon = fork();
    if (daemon == 0) {
        Container container({}, directory.path());
        auto process =
            container.start("(trap '' TERM; setsid sleep 1000 &); setsid sh -c 'sleep 1000 & sleep 1000' & sleep 1000");
        const std::string name = process ? container.name() : "failed";
        if (write(ready.write.get(), name.data(), name.size()) < 0) _exit(1);
        pause();
        _exit(0);
    }
    ready.write.reset();
    char name[128] = {};
    REQUIRE(read(ready.read.get(), name, sizeof name - 1) > 0);
    const auto list = "ps --all --quiet --filter name=^/" + std::string(name) + "$";
    REQUIRE_FALSE(docker(list).empty());
    kill(daemon, SIGKILL);
    REQUIRE(waitpid(daemon, nullptr, 0) == daemon);
    const auto end = std::chrono::steady_clock::now() + seconds(10);
    while (!docker(list).empty()) REQUIRE(std::chrono::steady_clock::now() < end);
}
