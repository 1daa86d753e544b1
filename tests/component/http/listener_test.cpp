// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "handlers.h"
#include "server.h"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

using namespace shallop;
using namespace std::chrono_literals;
using test::Client;
using test::eventually;
using test::hello;
using test::Scripted;
using test::Server;

TEST_CASE("a reply has its length, a date and a server, and the connection stays", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    for (int i = 0; i < 3; ++i) {
        client.send(hello);
        const auto answer = client.answer();
        CHECK(answer.status == 200);
        CHECK(answer.body == "hello");
        CHECK(answer.field("content-length") == "5");
        CHECK(answer.field("server") == "shallop");
        CHECK(answer.field("date").ends_with(" GMT"));
        CHECK(answer.field("connection").empty());
    }
}

TEST_CASE("twenty pipelined requests are answered in their order", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    std::string all;
    for (int i = 0; i < 20; ++i) {
        const auto body = std::to_string(i);
        all += "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    client.send(all);
    for (int i = 0; i < 20; ++i) CHECK(client.answer().body == std::to_string(i));
}

TEST_CASE("HTTP/1.0 gets a length or the end of the connection, and keep-alive when it asks", "[http]") {
    Scripted handler;
    Server server(handler);
    {
        Client client(server.address());
        client.send("GET /hello HTTP/1.0\r\n\r\n");
        const auto answer = client.answer();
        CHECK(answer.body == "hello");
        CHECK(answer.field("connection") == "close");
        CHECK(client.closed());
    }
    {
        Client client(server.address());
        client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(client.answer().field("connection") == "keep-alive");
        client.send("GET /big-chunked?70000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        const auto answer = client.answer();
        CHECK(answer.field("transfer-encoding").empty());
        CHECK(answer.body.size() == 70000);
        CHECK(client.closed());
    }
}

TEST_CASE("HEAD, 204 and 304 have no body, and the next reply stands where it should", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = client.answer(true);
    CHECK(head.field("content-length") == "5");
    client.send("GET /status?204 HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto empty = client.answer();
    CHECK(empty.status == 204);
    CHECK(empty.field("content-length").empty());
    client.send("GET /status?304 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.answer().status == 304);
    client.send("HEAD /big-chunked?50 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.answer(true).status == 200);
    client.send(hello);
    CHECK(client.answer().body == "hello");
}

TEST_CASE("a handler's fields cannot split the reply or change its framing", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("GET http://Example.ORG:80/mirror?12 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.body == "mirror");
    CHECK(answer.field("x-target") == "/mirror?12");
    CHECK(answer.field("x-host") == "example.org");
    CHECK(answer.field("x-remote") == "127.0.0.1");
    CHECK(answer.fields.contains("injected") == false);
    CHECK(answer.fields.contains("x-split") == false);
    CHECK(answer.field("content-length") == "6");
    CHECK(answer.field("transfer-encoding").empty());
}

TEST_CASE("a chunked body goes in and out in pieces of any size", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    const std::string request =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n1;name=\"v;\"\r\n,\r\n006\r\n world\r\n0\r\nX-Trailer: dropped\r\n\r\n";
    for (const char byte : request) client.send({&byte, 1});
    const auto answer = client.answer();
    CHECK(answer.body == "hello, world");
    CHECK(answer.complete);
    client.send(hello);
    CHECK(client.answer().status == 200);
}

TEST_CASE("the client is asked to go on when the body is first read", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.answer().status == 100);
    client.send("abc");
    CHECK(client.answer().body == "abc");
}

TEST_CASE("no 100 is sent when the reply comes first, and the connection ends", "[http]") {
    Scripted handler;
    Server server(handler);
    for (const auto* path : {"/hello", "/limited"}) {
        Client client(server.address());
        client.send("POST " + std::string(path) +
                    " HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\nExpect: 100-continue\r\n\r\n");
        const auto answer = client.answer();
        CHECK(answer.status == (std::string(path) == "/hello" ? 200 : 413));
        CHECK(answer.field("connection") == "close");
        CHECK(client.closed());
    }
}

TEST_CASE("a short unread body is dropped and the connection stays", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x') + hello);
    CHECK(client.answer().body == "hello");
    CHECK(client.answer().body == "hello");
}

TEST_CASE("a client that sends a long unwanted body still gets its reply", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
    const std::string megabyte(1'000'000, 'x');
    for (int i = 0; i < 20; ++i) client.send_what_goes(megabyte);
    const auto answer = client.answer();
    CHECK(answer.status == 413);
    CHECK(answer.field("connection") == "close");
    CHECK(client.closed());
}

TEST_CASE("a chunked body over the limit is refused", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send(
        "POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    CHECK(client.answer().status == 413);
}

TEST_CASE("a handler that throws or says nothing answers 500, and the connection stays", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    for (const auto* path : {"/throw", "/nothing"}) {
        client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
        const auto answer = client.answer();
        CHECK(answer.status == 500);
        CHECK(answer.field("content-type") == "application/problem+json");
    }
}

TEST_CASE("a handler for which there is no memory answers 503", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("GET /no-memory HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.status == 503);
    CHECK(answer.field("retry-after") == "1");
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.answer().status == 200);
}

TEST_CASE("an unfinished reply looks unfinished to the client", "[http]") {
    Scripted handler;
    Server server(handler);
    for (const auto* path : {"/half", "/half-chunked"}) {
        Client client(server.address());
        client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK_FALSE(client.answer().complete);
    }
}

TEST_CASE("a handler cannot send more than it said, nor end before", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("GET /liar HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.body == "12");
    CHECK_FALSE(answer.complete);
    CHECK(handler.last_fault == base::Fault::invalid);
}

TEST_CASE("a hundred pipelined requests leave the loop to others in between", "[http]") {
    Scripted handler;
    Server server(handler);
    Client many(server.address());
    std::string all;
    for (int i = 0; i < 100; ++i) all += hello;
    many.send(all);
    Client one(server.address());
    one.send(hello);
    CHECK(one.answer().status == 200);
    for (int i = 0; i < 100; ++i) CHECK(many.answer().body == "hello");
}

TEST_CASE("a broken chunk is a 400 by the connection itself", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    const auto answer = client.answer();
    CHECK(answer.status == 400);
    CHECK(answer.body.find("chunk") != std::string::npos);
    CHECK(client.closed());
}

TEST_CASE("a refused head is told why, and the connection ends", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + hello);
    const auto answer = client.answer();
    CHECK(answer.status == 400);
    CHECK(answer.field("content-type") == "application/problem+json");
    CHECK(answer.body.find("more than one Host") != std::string::npos);
    CHECK(server.refused == 1);
    CHECK(answer.field("connection") == "close");
    CHECK(client.closed());
    CHECK(handler.handled == 0);
}

TEST_CASE("OPTIONS * is about the server", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto answer = client.answer();
    CHECK(answer.status == 204);
    CHECK(answer.field("allow").find("OPTIONS") != std::string::npos);
    CHECK(handler.handled == 0);
}

TEST_CASE("a client that hangs up is noticed while the handler works", "[http]") {
    Scripted handler;
    Server server(handler);
    const std::string request = "GET /until-gone HTTP/1.1\r\nHost: a\r\n\r\n";
    SECTION("closed") {
        Client client(server.address());
        client.send(request);
        REQUIRE(eventually([&] { return handler.handled == 1; }));
        client.close();
        CHECK(eventually([&] { return handler.gone == 1; }));
    }
    SECTION("reset") {
        Client client(server.address());
        client.send(request);
        REQUIRE(eventually([&] { return handler.handled == 1; }));
        client.reset();
        CHECK(eventually([&] { return handler.gone == 1; }));
    }
    SECTION("closed behind pipelined requests") {
        Client client(server.address());
        client.send(request);
        REQUIRE(eventually([&] { return handler.handled == 1; }));
        client.send(hello + hello);
        client.close();
        CHECK(eventually([&] { return handler.gone == 1; }));
        CHECK(handler.handled == 1);
    }
    SECTION("with a body that was never read") {
        Client client(server.address());
        client.send("POST /until-gone HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
        REQUIRE(eventually([&] { return handler.handled == 1; }));
        client.close();
        CHECK(eventually([&] { return handler.gone == 1; }));
    }
}

TEST_CASE("a client that half-closes after its request gets an answer that needs no wait", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send(hello + hello);
    client.half_close();
    CHECK(client.answer().body == "hello");
    CHECK(client.answer().body == "hello");
    CHECK(client.closed());
}

TEST_CASE("a body that ends early is a fault of the read", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    CHECK(client.receive_some(1).size() == 1);
    client.half_close();
    client.until_close();
    CHECK(eventually([&] { return handler.last_fault == base::Fault::client_gone; }));
}

TEST_CASE("IPv6 and unix sockets are served", "[http]") {
    Scripted handler;
    const std::string path = "/tmp/shallop-http-test-" + std::to_string(::getpid());
    for (const std::string& address : {std::string("[::1]:0"), "unix:" + path}) {
        Server server(handler, {}, address);
        Client client(server.address());
        client.send(hello);
        CHECK(client.answer().body == "hello");
    }
    CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("an address that is none is refused before anything listens", "[http]") {
    Scripted handler;
    for (const auto* address :
         {"foo", "127.0.0.1:", "127.0.0.1:22x", "127.0.0.1:65536", "127.0.0.1:99999", "[::1:80", ":-1", "unix:"}) {
        CAPTURE(address);
        CHECK_THROWS_AS(Server(handler, {}, address), std::runtime_error);
    }
}

TEST_CASE("a handler that asks for it is unwound when its client hangs up", "[http]") {
    Scripted handler;
    Server server(handler);
    {
        Client client(server.address());
        client.send("GET /unwound-when-gone HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(eventually([&] { return handler.handled == 1; }));
    }
    CHECK(eventually([&] { return handler.gone == 1; }));
}

TEST_CASE("a handler whose task is cancelled can go on, answer, and serve the next request", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    for (int i = 0; i < 3; ++i) {
        client.send("GET /stopped HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(client.answer().body == "stopped");
    }
}

TEST_CASE("an upgraded connection is the handler's, both ways, with what came ahead", "[http]") {
    Scripted handler;
    Server server(handler);
    Client client(server.address());
    client.send(
        "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: capitals\r\n\r\nahead ");
    client.send("and after.");
    const auto all = client.until_close();
    CHECK(all.starts_with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: capitals\r\n"));
    CHECK(all.find("\r\nConnection: Upgrade\r\n") != std::string::npos);
    CHECK(all.find("Transfer-Encoding") == std::string::npos);
    CHECK(all.ends_with("\r\n\r\nAHEAD AND AFTER."));
}

TEST_CASE("nobody is upgraded who has not asked for it", "[http]") {
    Scripted handler;
    Server server(handler);
    for (const auto* fields : {"", "Upgrade: capitals\r\n", "Connection: upgrade\r\n",
                               "Connection: upgrade\r\nUpgrade: capitals\r\nContent-Length: 1\r\n"}) {
        CAPTURE(fields);
        Client client(server.address());
        client.send("POST /upgrade HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\nx");
        CHECK(client.answer().status == 500);
        CHECK(handler.last_fault == base::Fault::internal);
    }
}
