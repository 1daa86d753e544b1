// SPDX-License-Identifier: Apache-2.0
#include "support/room.h"

#include <shallop/async/task_group.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

using namespace shallop;
using namespace shallop::test;
using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// What arrives on a nonblocking socket until its end, or `size` bytes.
std::string read_from(const base::Fd& socket, std::size_t size = SIZE_MAX) {
    std::string text;
    char bytes[4096];
    while (text.size() < size) {
        pollfd waiting{socket.get(), POLLIN, 0};
        if (poll(&waiting, 1, 10000) != 1) break;
        const auto got = recv(socket.get(), bytes, std::min(sizeof bytes, size - text.size()), MSG_DONTWAIT);
        if (got <= 0) break;
        text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
}

/// Runs in the sandbox: a server that answers each line in capitals.
constexpr const char* tcp_server =
    "exec perl -MIO::Socket::INET -e '"
    "$l = IO::Socket::INET->new(LocalAddr => \"127.0.0.1\", LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die;"
    "while ($c = $l->accept) { $_ = <$c>; print $c uc; close $c }'";
constexpr const char* unix_server =
    "exec perl -MIO::Socket::UNIX -e '"
    "$l = IO::Socket::UNIX->new(Local => \"/tmp/server\", Listen => 16) or die;"
    "while ($c = $l->accept) { $_ = <$c>; print $c uc; close $c }'";

void check_echo(const base::Fd& socket) {
    REQUIRE(send(socket.get(), "hello\n", 6, MSG_DONTWAIT | MSG_NOSIGNAL) == 6);
    CHECK(read_from(socket) == "HELLO\n");
}

base::Result<base::Fd> connect(Room& room, const std::string& address, base::Duration timeout = seconds(5),
                               bool until = true) {
    return room.loop.run(room.channel->connect(address, timeout, until));
}

}  // namespace

TEST_CASE("a server inside is reached over its loopback, with no network", "[shim]") {
    Room room;
    auto server = room.start(tcp_server);
    REQUIRE(ok(server));
    for (int i = 0; i < 3; ++i) {
        const auto socket = connect(room, "tcp:127.0.0.1:8080");
        REQUIRE(ok(socket));
        CHECK((fcntl(socket->get(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK((fcntl(socket->get(), F_GETFD) & FD_CLOEXEC) != 0);
        check_echo(*socket);
    }
    CHECK(connect(room, "tcp:127.0.0.1:8080", seconds(0), false).has_value());
    CHECK(connect(room, "tcp:127.1.2.3:8080", seconds(0), false).error().fault == base::Fault::function_failed);
}

TEST_CASE("a server inside is reached over its unix socket", "[shim]") {
    Room room;
    auto server = room.start(unix_server);
    REQUIRE(ok(server));
    const auto socket = connect(room, "unix:/tmp/server");
    REQUIRE(ok(socket));
    check_echo(*socket);
}

TEST_CASE("a connect to nobody says so at once, or when its time is up", "[shim]") {
    Room room;
    const auto at_once = connect(room, "tcp:127.0.0.1:9", seconds(60), false);
    REQUIRE_FALSE(ok(at_once));
    CHECK(at_once.error().fault == base::Fault::function_failed);
    CHECK(at_once.error().detail == "cannot connect to tcp:127.0.0.1:9: Connection refused");
    CHECK(connect(room, "unix:/tmp/absent", milliseconds(30)).error().detail ==
          "cannot connect to unix:/tmp/absent: No such file or directory");
}

TEST_CASE("only addresses inside the container are connected", "[shim]") {
    Room room;
    for (const char* address : {"tcp:10.0.0.1:80", "tcp:128.0.0.1:80", "tcp:localhost:80", "tcp:127.0.0.1:65536",
                                "tcp:127.0.0.1:", "tcp:127.0.0.1", "tcp:127.0.0:80", "tcp:127.0.0.1.1:80",
                                "tcp:127.0.0.256:80", "tcp:127.0.0.1:80x", "tcp:[::2]:80", "unix:relative",
                                "unix:", "udp:127.0.0.1:80", "", "tcp:127.0.0.99999999999999999999:1"}) {
        INFO(address);
        CHECK(connect(room, address).error().fault == base::Fault::invalid);
    }
    CHECK(connect(room, "unix:/" + std::string(110, 'x')).error().fault == base::Fault::invalid);
    CHECK(connect(room, "unix:/" + std::string(1000, 'x')).error().fault == base::Fault::invalid);
    CHECK(connect(room, std::string("unix:/a\0b", 9)).error().fault == base::Fault::invalid);
    CHECK(room.channel->is_open());
}

TEST_CASE("many connects wait at once; more than the shim takes are refused, and cancelled ones make room", "[shim]") {
    Room room;
    const auto crowd = [](Room& in) -> async::Task<void> {
        async::TaskGroup group(in.loop.executor(), in.log);
        const auto one = [](Room& room_in) -> async::Task<void> {
            co_await room_in.channel->connect("unix:/tmp/late", seconds(60), true);
        };
        for (int i = 0; i < 256; ++i) group.spawn("connect", one(in));
        auto ready = co_await run(*in.channel, shell("true"));
        REQUIRE(ok(ready));
        const auto full = co_await in.channel->connect("unix:/tmp/late", seconds(60), true);
        CHECK(full.error().fault == base::Fault::overloaded);
        group.cancel();
        co_await group.join();
        // Their answers are on their way before the next request's.
        ready = co_await run(*in.channel, shell("true"));
        REQUIRE(ok(ready));
        const auto free = co_await in.channel->connect("unix:/tmp/late", milliseconds(1), true);
        CHECK(free.error().fault == base::Fault::function_failed);
    };
    room.loop.run(crowd(room));
}

TEST_CASE("connections that arrive inside come out", "[shim]") {
    Room room;
    auto acceptor = room.loop.run(room.channel->listen("tcp:127.0.0.1:0"));
    REQUIRE(ok(acceptor));
    REQUIRE(acceptor->port() > 0);
    auto client = room.start("exec perl -MIO::Socket::INET -e '$c = IO::Socket::INET->new(PeerAddr => \"127.0.0.1:" +
                             std::to_string(acceptor->port()) + "\"); print $c \"called\"; close $c'");
    REQUIRE(ok(client));
    const auto socket = room.loop.run(acceptor->accept());
    REQUIRE(ok(socket));
    CHECK(read_from(*socket) == "called");

    const auto taken = room.loop.run(room.channel->listen("tcp:127.0.0.1:" + std::to_string(acceptor->port())));
    CHECK(taken.error().detail.ends_with("Address already in use"));
}

TEST_CASE("a listener that is dropped is closed inside", "[shim]") {
    Room room;
    {
        const auto acceptor = room.loop.run(room.channel->listen("unix:/tmp/ours"));
        REQUIRE(ok(acceptor));
        CHECK(connect(room, "unix:/tmp/ours", seconds(0), false).has_value());
    }
    CHECK(connect(room, "unix:/tmp/ours", seconds(0), false).error().fault == base::Fault::function_failed);
    CHECK(room.channel->is_open());
}

TEST_CASE("a flood of connections is bounded and the channel goes on", "[shim]") {
    Room room;
    auto acceptor = room.loop.run(room.channel->listen("tcp:127.0.0.1:9000"));
    REQUIRE(ok(acceptor));
    const auto flood = room.run(
        "exec perl -MIO::Socket::INET -e 'for (1..500) { IO::Socket::INET->new(PeerAddr => \"127.0.0.1:9000\") }'");
    REQUIRE(ok(flood));
    CHECK(room.run("exit 4")->exit.code == 4);
    int waiting = 0;
    const auto take = [](async::Task<base::Result<base::Fd>> accepting, Room& in, int& count) -> async::Task<void> {
        auto socket = co_await async::within(in.loop.clock(), in.loop.in(milliseconds(100)), std::move(accepting));
        if (socket) ++count;
    };
    for (int i = 0; i < 70; ++i) room.loop.run(take(acceptor->accept(), room, waiting));
    CHECK(waiting == 64);
}

TEST_CASE("pausing stops every process and waking lets them go on", "[shim]") {
    Room room;
    auto server = room.start(tcp_server);
    REQUIRE(ok(server));
    auto escaped = room.start("setsid sleep 1000 & wait");
    REQUIRE(ok(escaped));
    REQUIRE(ok(connect(room, "tcp:127.0.0.1:8080")));

    room.channel->signal_all(SIGSTOP);
    const auto socket = connect(room, "tcp:127.0.0.1:8080");  // the kernel accepts for it
    REQUIRE(ok(socket));
    REQUIRE(send(socket->get(), "hello\n", 6, MSG_DONTWAIT) == 6);
    pollfd silent{socket->get(), POLLIN, 0};
    CHECK(poll(&silent, 1, 100) == 0);
    room.channel->signal_all(SIGCONT);
    CHECK(read_from(*socket) == "HELLO\n");
}
