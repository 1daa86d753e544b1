// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "handlers.h"
#include "server.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>
#include <fstream>
#include <vector>

using namespace shallop;
using namespace std::chrono_literals;
using test::Client;
using test::eventually;
using test::hello;
using test::Scripted;
using test::Server;

namespace {

/// Resident memory of this process.
std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    statm >> total >> resident;
    return resident * 4096;
}

}  // namespace

TEST_CASE("while memory is short requests are refused in words, and then served again", "[http]") {
    Scripted handler;
    Server server(handler);
    Client kept(server.address());
    kept.send(hello);
    CHECK(kept.answer().status == 200);
    server.pressure = http::Pressure::refuse;
    kept.send("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = kept.answer();
    CHECK(answer.status == 503);
    CHECK(answer.field("retry-after") == "1");
    CHECK(answer.field("connection") == "close");
    CHECK(answer.body.find("short of memory") != std::string::npos);
    CHECK(handler.handled == 1);
    CHECK(server.refused == 1);
    server.pressure = http::Pressure::none;
    Client next(server.address());
    next.send(hello);
    CHECK(next.answer().status == 200);
}

TEST_CASE("the first rung: replies end their connections", "[http]") {
    Scripted handler;
    Server server(handler);
    Client kept(server.address());
    kept.send(hello);
    CHECK(kept.answer().field("connection").empty());
    server.pressure = http::Pressure::close;
    kept.send(hello + hello);
    const auto answer = kept.answer();
    CHECK(answer.status == 200);
    CHECK(answer.field("connection") == "close");
    CHECK(kept.until_close().empty());
    CHECK(server.refused == 0);
}

TEST_CASE("the last rung: idle connections end, and who comes waits until it is left", "[http]") {
    Scripted handler;
    Server server(handler);
    Client idle(server.address());
    idle.send(hello);
    CHECK(idle.answer().status == 200);
    server.pressure = http::Pressure::stop;
    Client waits(server.address());
    waits.send(hello);
    CHECK(idle.closed());
    std::this_thread::sleep_for(300ms);
    CHECK(server.connections() == 0);
    CHECK(handler.handled == 1);
    server.pressure = http::Pressure::none;
    CHECK(waits.answer().status == 200);
}

TEST_CASE("where four fifths of the connections are busy, replies end theirs; idle ones do not count", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.connections = 10;
    Server server(handler, limits);
    std::vector<Client> others;
    for (int i = 0; i < 7; ++i) others.emplace_back(server.address());
    REQUIRE(eventually([&] { return server.connections() == 7; }));
    Client client(server.address());
    client.send(hello);
    CHECK(client.answer().field("connection").empty());
    for (auto& other : others) other.send("GET /hello HTTP/1.1\r\n");  // half a head: busy
    REQUIRE(eventually([&] {
        client.send(hello);
        return client.answer().field("connection") == "close";
    }));
    CHECK(client.closed());
    for (auto& other : others) {
        other.send("Host: a\r\n\r\n");
        CHECK(other.answer().status == 200);
    }
}

TEST_CASE("a head that does not arrive in time is answered 408", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.head_time = 50ms;
    Server server(handler, limits);
    Client client(server.address());
    client.send("GET / HTTP/1.1\r\nHo");
    const auto answer = client.answer();
    CHECK(answer.status == 408);
    CHECK(answer.field("connection") == "close");
    CHECK(client.closed());
}

TEST_CASE("an idle connection is closed without a word", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.idle = 50ms;
    Server server(handler, limits);
    Client fresh(server.address());
    Client used(server.address());
    used.send(hello);
    CHECK(used.answer().status == 200);
    CHECK(used.closed());
    CHECK(fresh.until_close().empty());
}

TEST_CASE("a body that comes too slowly is a fault of the read, and the connection ends", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.body_grace = 50ms;
    Server server(handler, limits);
    for (const auto* framing : {"Content-Length: 5", "Transfer-Encoding: chunked"}) {
        Client client(server.address());
        client.send("POST /limited HTTP/1.1\r\nHost: a\r\n" + std::string(framing) + "\r\n\r\n");
        const auto answer = client.answer();
        CHECK(answer.status == 413);  // the handler's own answer to any fault of read()
        CHECK(answer.body == "The body came too slowly.");
        CHECK(answer.field("connection") == "close");
        CHECK(client.closed());
    }
}

TEST_CASE("an endless head, field list or target is cut at its limit", "[http]") {
    Scripted handler;
    Server server(handler);
    const std::string kilobyte(1024, 'x');
    const auto flood = [&](const std::string& begin, const std::string& piece, int status) {
        Client client(server.address());
        client.send_what_goes(begin);
        for (int i = 0; i < 1024; ++i) client.send_what_goes(piece);
        CHECK(client.answer().status == status);
    };
    flood("GET /", kilobyte, 414);
    flood("GET / HTTP/1.1\r\nHost: a\r\nX: ", kilobyte, 431);
    flood("GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 431);
    flood("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", kilobyte, 400);
    flood("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", kilobyte, 431);
}

TEST_CASE("a client that takes nothing of its reply is cut", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.write_time = 100ms;
    Server server(handler, limits);
    Client client(server.address(), 4096);
    client.send("GET /big?100000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return handler.handled == 1; }));
    CHECK(eventually([&] { return server.connections() == 0; }));
    CHECK(eventually([&] { return handler.last_fault == base::Fault::client_gone; }));
}

TEST_CASE("64 MiB are echoed in constant memory", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    const std::string piece(1 << 20, 'm');
    std::vector<char> buffer(1 << 16);  // one: the sanitizer keeps freed memory for a while
    const auto echo = [&](int megabytes) {
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(megabytes << 20) +
                    "\r\n\r\n");
        std::thread sender([&] {
            for (int i = 0; i < megabytes; ++i) client.send_what_goes(piece);
        });
        std::size_t received = 0;
        while (received < (static_cast<std::size_t>(megabytes) << 20)) {
            const auto got = client.receive_into(buffer);
            if (got.empty()) break;
            received += got.size() - (received == 0 ? got.find("\r\n\r\n") + 4 : 0);
        }
        sender.join();
        return received;
    };
    REQUIRE(echo(2) == 2 << 20);
    const auto before = resident_bytes();
    REQUIRE(echo(64) == 64 << 20);
    CHECK(resident_bytes() - before < std::size_t{8} << 20);
}

TEST_CASE("over the bound the oldest idle connection makes room", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.connections = 3;
    Server server(handler, limits);
    Client first(server.address());
    Client second(server.address());
    Client third(server.address());
    for (Client* client : {&first, &second, &third}) {
        client->send(hello);
        CHECK(client->answer().status == 200);
    }
    Client fourth(server.address());
    fourth.send(hello);
    CHECK(fourth.answer().status == 200);
    CHECK(first.closed());
    second.send(hello);
    CHECK(second.answer().status == 200);
}

TEST_CASE("over the bound with none idle the new connection is told so", "[http]") {
    Scripted handler;
    http::Limits limits;
    limits.connections = 2;
    Server server(handler, limits);
    Client first(server.address());
    Client second(server.address());
    first.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    second.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return handler.handled == 2; }));
    Client third(server.address());
    const auto answer = third.answer();
    CHECK(answer.status == 503);
    CHECK(answer.field("retry-after") == "1");
    handler.released = 1;
    CHECK(first.answer().body == "held");
    CHECK(second.answer().body == "held");
}

TEST_CASE("a lack of descriptors is waited out, and idle connections make room", "[http]") {
    Scripted handler;
    Server server(handler);
    Client idle(server.address());
    idle.send(hello);
    CHECK(idle.answer().status == 200);

    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int lowest = ::dup(0);  // the lowest descriptor that is free
    ::close(lowest);
    Client* late = nullptr;
    {
        // Room for the client's own end, none for the server's.
        const rlimit tight{static_cast<rlim_t>(lowest + 1), before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &tight);
        late = new Client(server.address());
        late->send(hello);
        CHECK(idle.closed());
        CHECK(late->answer().status == 200);
        ::setrlimit(RLIMIT_NOFILE, &before);
    }
    delete late;
    Client after(server.address());
    after.send(hello);
    CHECK(after.answer().status == 200);
}

TEST_CASE("a drain ends idle connections at once and lets the running ones finish", "[http]") {
    Scripted handler;
    Server server(handler);
    Client idle(server.address());
    idle.send(hello);
    CHECK(idle.answer().status == 200);
    Client busy(server.address());
    busy.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n" + hello);
    REQUIRE(eventually([&] { return handler.handled == 2; }));

    auto drained = server.drain(20s);
    CHECK(idle.closed());
    CHECK_THROWS(Client(server.address()));
    CHECK(drained.wait_for(100ms) == std::future_status::timeout);
    handler.released = 1;
    const auto answer = busy.answer();
    CHECK(answer.body == "held");
    CHECK(answer.field("connection") == "close");
    CHECK(drained.wait_for(10s) == std::future_status::ready);
}

TEST_CASE("a drain cuts what is still running at its deadline", "[http]") {
    Scripted handler;
    Server server(handler);
    Client busy(server.address());
    busy.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return handler.handled == 1; }));
    auto drained = server.drain(50ms);
    CHECK(drained.wait_for(10s) == std::future_status::ready);
    CHECK(busy.until_close().empty());
}

TEST_CASE("a drain under load loses no request that was taken", "[http]") {
    Scripted handler;
    Server server(handler);
    std::atomic<int> answered{0};
    std::atomic<int> half{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&] {
            try {
                while (true) {
                    Client client(server.address());
                    for (int j = 0; j < 20; ++j) {
                        client.send_what_goes(hello);
                        const auto answer = client.answer();
                        if (answer.status == 0) break;
                        (answer.complete && answer.body == "hello" ? answered : half)++;
                        if (answer.field("connection") == "close") break;
                    }
                }
            } catch (const std::exception&) {
                // No more connections are taken.
            }
        });
    }
    REQUIRE(eventually([&] { return answered > 500; }));
    auto drained = server.drain(10s);
    CHECK(drained.wait_for(5s) == std::future_status::ready);
    for (auto& client : clients) client.join();
    CHECK(half == 0);
    CHECK(handler.handled == answered);
}

TEST_CASE("many clients at once get their own answers", "[http]") {
    Scripted handler;
    Server server(handler);
    std::atomic<int> right{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 16; ++i) {
        clients.emplace_back([&, i] {
            Client client(server.address());
            for (int j = 0; j < 50; ++j) {
                const std::string body =
                    std::to_string(i) + ":" + std::to_string(j) + std::string(static_cast<std::size_t>(j * 97), 'x');
                client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body);
                right += client.answer().body == body ? 1 : 0;
            }
        });
    }
    for (auto& client : clients) client.join();
    CHECK(right == 16 * 50);
}
