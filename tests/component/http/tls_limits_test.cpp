// SPDX-License-Identifier: Apache-2.0
// What clients may do to a connection over TLS.
#include "handlers.h"
#include "server.h"
#include "tls_client.h"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <vector>

using namespace shallop;
using namespace std::chrono_literals;
using test::Certificate;
using test::Client;
using test::eventually;
using test::hello;
using test::Scripted;
using test::Secure;
using test::Server;
using test::TlsClient;

TEST_CASE("a handshake that does not come to its end in time is cut, and one that never begins too", "[tls]") {
    http::Limits short_handshake, short_idle;
    short_handshake.head_time = 100ms;
    short_idle.idle = 100ms;
    Secure slow(short_handshake);
    Client begun(slow.server.address());
    begun.send(test::client_hello().substr(0, 50));
    CHECK(begun.closed());
    CHECK(eventually([&] { return std::string(slow.server.last_refused) == "slow_handshake"; }));
    Secure quiet(short_idle);
    Client silent(quiet.server.address());
    CHECK(silent.closed());
    CHECK(quiet.server.refused == 0);
}

TEST_CASE("a handshake in single bytes is one, too", "[tls]") {
    Secure at;
    Client client(at.server.address());
    for (const char byte : test::client_hello()) client.send({&byte, 1});
    CHECK(client.receive_some(1) == "\x16");
}

TEST_CASE("handshakes that are cut leave nothing", "[tls]") {
    Secure at;
    const auto whole = test::client_hello();
    for (std::size_t size = 0; size <= whole.size(); size += 7) {
        Client client(at.server.address());
        client.send(whole.substr(0, size));
        if (size % 2 == 0) client.reset();
    }
    CHECK(eventually([&] { return at.server.connections() == 0; }));
    CHECK(at.answers());
}

TEST_CASE("bytes that are no TLS are refused, and nobody else notices", "[tls]") {
    Secure at;
    std::mt19937 random(4711);
    for (int i = 0; i < 300; ++i) {
        std::string bytes(1 + random() % 600, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        if (i % 3 == 0) bytes.replace(0, 3, "\x16\x03\x01");
        Client client(at.server.address());
        client.send_what_goes(bytes);
        if (i % 2 == 0) client.half_close();
    }
    CHECK(at.answers());
    CHECK(eventually([&] { return at.server.connections() == 0; }));
    CHECK(at.handler.handled == 1);
}

TEST_CASE("a record that is cut or broken ends the connection, not a request", "[tls]") {
    Secure at;
    for (const auto& record :
         {std::string("\x17\x03\x03\x01\x00half", 9), std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x')}) {
        TlsClient client(at.server.address());
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
        CHECK(client.receive_some(1).size() == 1);
        client.send_raw(record);
        client.half_close();
        client.until_close();
        CHECK(eventually([&] { return at.handler.last_fault == base::Fault::client_gone; }));
        at.handler.last_fault = base::Fault::internal;
    }
    CHECK(at.answers());
}

TEST_CASE("a client that hangs up over TLS is noticed while the handler works", "[tls]") {
    Secure at;
    TlsClient client(at.server.address());
    client.send("POST /until-gone HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    REQUIRE(eventually([&] { return at.handler.handled == 1; }));
    SECTION("without a word") { client.close(); }
    SECTION("with a reset") { client.reset(); }
    SECTION("with a word, and the connection kept") {
        client.notify();
        CHECK(eventually([&] { return at.handler.gone == 1; }));
        CHECK(client.closed());
        CHECK(client.notified());
    }
    CHECK(eventually([&] { return at.handler.gone == 1; }));
}

TEST_CASE("pipelined requests over TLS are no hang-up, and are answered", "[tls]") {
    Secure at;
    TlsClient client(at.server.address());
    client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return at.handler.handled == 1; }));
    client.send(hello);
    std::this_thread::sleep_for(300ms);  // a few sweeps look
    at.handler.released = 1;
    CHECK(client.answer().body == "held");
    CHECK(client.answer().body == "hello");
}

TEST_CASE("a client that takes nothing of its reply over TLS is cut", "[tls]") {
    http::Limits limits;
    limits.write_time = 100ms;
    Secure at(limits);
    TlsClient client(at.server.address(), {.receive_buffer = 4096});
    client.send("GET /big?100000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(eventually([&] { return at.handler.last_fault == base::Fault::client_gone; }));
    CHECK(eventually([&] { return at.server.connections() == 0; }));
}

TEST_CASE("a slow reader gets all of a large reply over TLS", "[tls]") {
    Secure at;
    TlsClient client(at.server.address(), {.receive_buffer = 4096});
    client.send("GET /big?3000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return at.handler.handled == 1; }));
    std::this_thread::sleep_for(50ms);  // until the socket is full
    const auto answer = client.answer();
    CHECK(answer.complete);
    std::string expected;
    while (expected.size() < 65000) expected += "0123456789";
    CHECK(answer.body.size() == 3000000);
    CHECK(answer.body.substr(0, 65000) == expected);
    CHECK(answer.body.substr(answer.body.size() - 10) == "0123456789");
}

TEST_CASE("over the bound connections without a handshake make room, and idle ones", "[tls]") {
    http::Limits limits;
    limits.connections = 2;
    Secure at(limits);
    Client silent(at.server.address());
    TlsClient idle(at.server.address());
    idle.send(hello);
    CHECK(idle.answer().status == 200);
    TlsClient third(at.server.address());
    third.send(hello);
    CHECK(third.answer().status == 200);
    CHECK(silent.closed());
    TlsClient fourth(at.server.address());
    fourth.send(hello);
    CHECK(fourth.answer().status == 200);
    CHECK(idle.closed());
    CHECK(idle.notified());
}

TEST_CASE("keys are changed as often as a client likes, and others are served", "[tls]") {
    Secure at;
    TlsClient client(at.server.address());
    for (int i = 0; i < 3000; ++i) {
        SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
        SSL_do_handshake(client.ssl());
    }
    CHECK(at.answers());
    client.send(hello);
    CHECK(client.answer().body == "hello");
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    client.send(hello);
    CHECK(client.answer().body == "hello");
}

TEST_CASE("nobody negotiates again", "[tls]") {
    Secure at;
    TlsClient client(at.server.address(), {.most = TLS1_2_VERSION});
    client.send(hello);
    CHECK(client.answer().status == 200);
    SSL_renegotiate(client.ssl());
    CHECK(SSL_do_handshake(client.ssl()) != 1);
    CHECK(at.answers());
}

TEST_CASE("a drain over TLS ends idle connections and lets the running ones finish", "[tls]") {
    Secure at;
    Client silent(at.server.address());
    TlsClient idle(at.server.address());
    idle.send(hello);
    CHECK(idle.answer().status == 200);
    TlsClient busy(at.server.address());
    busy.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(eventually([&] { return at.handler.handled == 2; }));
    auto drained = at.server.drain(20s);
    CHECK(idle.closed());
    CHECK(silent.closed());
    at.handler.released = 1;
    CHECK(busy.answer().body == "held");
    CHECK(drained.wait_for(10s) == std::future_status::ready);
}

TEST_CASE("many clients at once get their own answers over TLS", "[tls]") {
    Secure at;
    std::atomic<int> right{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&, i] {
            TlsClient client(at.server.address());
            for (int j = 0; j < 30; ++j) {
                const auto body = std::to_string(i) + ":" + std::string(static_cast<std::size_t>(j * 997), 'x');
                client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body);
                right += client.answer().body == body ? 1 : 0;
            }
        });
    }
    for (auto& client : clients) client.join();
    CHECK(right == 8 * 30);
}
