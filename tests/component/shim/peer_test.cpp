// SPDX-License-Identifier: Apache-2.0

// The daemon's end against something that is not our shim.
#include "support/room.h"

#include <shallop/async/race.h>

#include <protocol.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

using namespace shallop;
using namespace shallop::test;
using Catch::Matchers::ContainsSubstring;
using shim::wire::Type;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

int open_descriptors() {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

std::string frame(Type type, std::uint32_t id, const std::string& body) {
    std::string bytes(shim::wire::header_size, '\0');
    shim::wire::store_header(reinterpret_cast<unsigned char*>(bytes.data()),
                             {type, id, static_cast<std::uint32_t>(body.size())});
    return bytes + body;
}

std::string number(std::uint32_t value) {
    unsigned char bytes[4];
    shim::wire::store(bytes, value);
    return {reinterpret_cast<const char*>(bytes), sizeof bytes};
}

const std::string hello_body = number(163840) + number(1024) + number(1) + number(1);

/// The far end of a Channel, in the test's hands.
class Peer {
public:
    Peer() {
        int ends[2] = {-1, -1};
        REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        near.reset(ends[0]);
        far.reset(ends[1]);
        limits.hello_timeout = milliseconds(300);
        limits.answer_timeout = milliseconds(300);
    }

    void say(const std::string& bytes, const std::vector<int>& fds = {}) const {
        iovec part{const_cast<char*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        std::vector<unsigned char> control(CMSG_SPACE(fds.size() * sizeof(int)));
        if (!fds.empty()) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* rights = CMSG_FIRSTHDR(&message);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
            std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
        }
        REQUIRE(sendmsg(far.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }

    base::Result<std::unique_ptr<shim::Channel>> greet() {
        return loop.run(shim::Channel::greet(std::move(near), loop.executor(), log, limits));
    }

    /// A Channel that has heard the hello.
    void begin() {
        say(frame(Type::hello, 0, hello_body));
        auto greeted = greet();
        REQUIRE(ok(greeted));
        channel = std::move(*greeted);
    }

    /// Says this, and expects that the channel closes for it.
    void expect_violation(const std::string& bytes, const std::vector<int>& fds = {}) {
        say(bytes, fds);
        loop.run(channel->closed());
        CHECK_THAT(channel->close_reason(), ContainsSubstring("broke the protocol"));
    }

    Loop loop;
    base::Log log{open("/dev/null", O_WRONLY | O_CLOEXEC)};
    shim::Channel::Limits limits;
    base::Fd near, far;
    std::unique_ptr<shim::Channel> channel;
};

/// Asks for a connection and lets the peer answer id 1 with `bytes` and `fds`.
base::Result<base::Fd> connect_answered(Peer& peer, const std::string& bytes, const std::vector<int>& fds) {
    peer.say(bytes, fds);
    return peer.loop.run(peer.channel->connect("tcp:127.0.0.1:80", seconds(0)));
}

}  // namespace

TEST_CASE("a first frame that is no hello of this version ends the greeting", "[shim]") {
    auto other_version = frame(Type::hello, 0, hello_body);
    other_version[0] = 1;
    for (const auto& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), frame(Type::started, 0, number(5)), frame(Type::hello, 7, hello_body),
          frame(Type::hello, 0, hello_body + "x"), std::string(1, '\1'), other_version, frame(Type::exec, 0, ""),
          frame(Type::failed, 0, number(1) + number(1) + std::string(2, '\0')), std::string(100000, '\1')}) {
        Peer peer;
        peer.say(bytes);
        const auto greeted = peer.greet();
        REQUIRE_FALSE(ok(greeted));
        CHECK(greeted.error().fault == base::Fault::launch_failed);
    }
}

TEST_CASE("silence instead of a hello is a deadline", "[shim]") {
    Peer peer;
    CHECK_THAT(peer.greet().error().detail, ContainsSubstring("has not answered within"));
    char byte = 0;
    CHECK(recv(peer.far.get(), &byte, 1, 0) == 0);
}

TEST_CASE("frames out of turn close the channel", "[shim]") {
    for (const auto& bytes :
         {frame(Type::hello, 0, hello_body), frame(Type::started, 1, number(5)), frame(Type::connected, 77, ""),
          frame(Type::accepted, 1, ""), std::string("x"), frame(Type::exited, 1, std::string(36, '\0'))}) {
        Peer peer;
        peer.begin();
        peer.expect_violation(bytes);
    }
}

TEST_CASE("an answer of the wrong kind closes the channel", "[shim]") {
    for (const auto& bytes : {frame(Type::connected, 1, ""), frame(Type::listening, 1, number(80)),
                              frame(Type::exited, 1, std::string(36, '\0'))}) {
        Peer peer;
        peer.begin();
        peer.say(bytes);
        CHECK_FALSE(ok(peer.loop.run(start(*peer.channel, shell("true")))));
        CHECK_FALSE(peer.channel->is_open());
    }
}

TEST_CASE("an exit is told once", "[shim]") {
    Peer peer;
    peer.begin();
    peer.say(frame(Type::started, 1, number(5)));
    auto process = peer.loop.run(start(*peer.channel, shell("true")));
    REQUIRE(ok(process));
    CHECK(process->pid() == 5);
    peer.say(frame(Type::exited, 1, number(3) + number(0) + std::string(28, '\0')));
    CHECK(peer.loop.run(process->wait())->code == 3);
    peer.expect_violation(frame(Type::exited, 1, number(3) + number(0) + std::string(28, '\0')));
}

TEST_CASE("only a connected stream socket is taken", "[shim]") {
    const auto family = [](int domain, int type) { return base::Fd(socket(domain, type | SOCK_CLOEXEC, 0)); };
    Pipe pipe;
    const auto datagram = family(AF_INET, SOCK_DGRAM);
    const auto listening = family(AF_UNIX, SOCK_STREAM);
    const auto netlink = family(AF_NETLINK, SOCK_RAW);
    const auto file = file_of("text");
    sockaddr autobind{AF_UNIX, {}};
    REQUIRE(bind(listening.get(), &autobind, sizeof(sa_family_t)) == 0);
    REQUIRE(listen(listening.get(), 1) == 0);
    for (const int fd : {pipe.read.get(), datagram.get(), listening.get(), netlink.get(), file.get()}) {
        Peer peer;
        peer.begin();
        CHECK_FALSE(ok(connect_answered(peer, frame(Type::connected, 1, ""), {fd})));
        CHECK_THAT(peer.channel->close_reason(), ContainsSubstring("no stream socket"));
    }
}

TEST_CASE("a missing descriptor, or one too many, closes the channel and leaks nothing", "[shim]") {
    const auto stream = base::Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    for (const std::size_t count : {0, 2, 4, 5, 250}) {
        Peer peer;
        peer.begin();
        const int before = open_descriptors();
        CHECK_FALSE(ok(connect_answered(peer, frame(Type::connected, 1, ""), std::vector<int>(count, stream.get()))));
        CHECK_FALSE(peer.channel->is_open());
        CHECK(open_descriptors() < before);
    }
    Peer peer;
    peer.begin();
    peer.say(frame(Type::started, 1, number(5)), {stream.get()});
    CHECK_FALSE(ok(peer.loop.run(start(*peer.channel, shell("true")))));
}

TEST_CASE("a shared description cannot make closing wait", "[shim]") {
    Peer peer;
    peer.begin();
    int ends[2] = {-1, -1};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const base::Fd theirs(ends[0]);
    const base::Fd other(ends[1]);
    const linger long_time{1, 1000};
    REQUIRE(setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time) == 0);
    const auto ours = connect_answered(peer, frame(Type::connected, 1, ""), {theirs.get()});
    REQUIRE(ok(ours));
    linger now{};
    socklen_t size = sizeof now;
    REQUIRE(getsockopt(ours->get(), SOL_SOCKET, SO_LINGER, &now, &size) == 0);
    CHECK(now.l_onoff == 0);
    CHECK((fcntl(ours->get(), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("a peer that never answers is a deadline for every request", "[shim]") {
    {
        Peer peer;
        peer.begin();
        CHECK_THAT(peer.loop.run(start(*peer.channel, shell("true"))).error().detail,
                   ContainsSubstring("has not answered"));
        CHECK_FALSE(peer.channel->is_open());
    }
    Peer peer;
    peer.begin();
    CHECK_THAT(peer.loop.run(peer.channel->listen("tcp:127.0.0.1:1")).error().detail,
               ContainsSubstring("has not answered"));
}

TEST_CASE("a question for the CPU time is answered by that alone", "[shim]") {
    const auto nanoseconds = number(7) + number(1);
    {
        Peer peer;
        peer.begin();
        peer.say(frame(Type::used, 1, nanoseconds));
        const auto used = peer.loop.run(peer.channel->cpu_used());
        REQUIRE(ok(used));
        CHECK(*used == std::chrono::nanoseconds((1LL << 32) + 7));
        peer.expect_violation(frame(Type::used, 1, nanoseconds));
    }
    for (const auto& bytes : {frame(Type::connected, 1, ""), frame(Type::started, 1, number(5)),
                              frame(Type::failed, 1, number(1) + number(1) + std::string(2, '\0')),
                              frame(Type::used, 1, number(7)), frame(Type::used, 2, nanoseconds)}) {
        Peer peer;
        peer.begin();
        peer.say(bytes);
        CHECK(peer.loop.run(peer.channel->cpu_used()).error().fault == base::Fault::function_failed);
        CHECK_THAT(peer.channel->close_reason(), ContainsSubstring("broke the protocol"));
    }
    Peer peer;
    peer.begin();
    CHECK_THAT(peer.loop.run(peer.channel->cpu_used()).error().detail, ContainsSubstring("has not answered"));
    CHECK_FALSE(peer.channel->is_open());
    CHECK(peer.loop.run(peer.channel->cpu_used()).error().fault == base::Fault::function_failed);
}

TEST_CASE("questions for the CPU time that nobody waits for are bounded, and answered late do no harm", "[shim]") {
    Peer peer;
    peer.begin();
    const auto give_up = [](Peer& on) -> async::Task<base::Result<base::Duration>> {
        auto asking = on.channel->cpu_used();
        auto answer = co_await async::within(on.loop.clock(), on.loop.in(milliseconds(1)), std::move(asking));
        if (!answer) co_return answer.error();
        co_return *answer;
    };
    for (int i = 0; i < 16; ++i) CHECK(peer.loop.run(give_up(peer)).error().fault == base::Fault::timed_out);
    CHECK(peer.loop.run(give_up(peer)).error().fault == base::Fault::overloaded);
    for (std::uint32_t id = 1; id <= 16; ++id) peer.say(frame(Type::used, id, number(1) + number(0)));
    peer.loop.turn();
    peer.say(frame(Type::used, 17, number(9) + number(0)));
    const auto used = peer.loop.run(peer.channel->cpu_used());
    REQUIRE(ok(used));
    CHECK(*used == std::chrono::nanoseconds(9));
}

TEST_CASE("a peer that never reads is noticed in bounded memory", "[shim]") {
    Peer peer;
    peer.begin();
    for (int i = 0; i < 100000 && peer.channel->is_open(); ++i) peer.channel->signal_all(18);
    CHECK(peer.channel->close_reason() == "the shim does not read");
}

TEST_CASE("what could not be sent at once is sent in order when the shim reads", "[shim]") {
    Peer peer;
    peer.limits.unsent = 100000;
    peer.begin();
    constexpr int count = 5000;
    for (int i = 0; i < count; ++i) peer.channel->signal_all(1 + i % 64);
    char bytes[256];
    for (int i = 0; i < count;) {
        if (recv(peer.far.get(), bytes, sizeof bytes, 0) < 0) {
            peer.loop.turn();
            continue;
        }
        REQUIRE(static_cast<int>(shim::wire::load(reinterpret_cast<unsigned char*>(bytes) + 16)) == 1 + i % 64);
        ++i;
    }
    CHECK(peer.channel->is_open());
}

TEST_CASE("a peer that floods does not keep the loop from its other work", "[shim]") {
    Peer peer;
    peer.begin();
    peer.say(frame(Type::listening, 1, number(80)));
    auto acceptor = peer.loop.run(peer.channel->listen("tcp:127.0.0.1:80"));
    REQUIRE(ok(acceptor));
    const base::Fd stream(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int before = open_descriptors();
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 40; ++i) peer.say(frame(Type::accepted, 1, ""), {stream.get()});
        peer.loop.turn();
    }
    CHECK(open_descriptors() <= before + 64);
    CHECK(peer.channel->is_open());
}
