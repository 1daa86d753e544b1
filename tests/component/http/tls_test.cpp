// SPDX-License-Identifier: Apache-2.0
#include "handlers.h"
#include "server.h"
#include "tls_client.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <unistd.h>

using namespace shallop;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::Certificate;
using test::Client;
using test::eventually;
using test::hello;
using test::Scripted;
using test::Secure;
using test::Server;
using test::TlsClient;

namespace {

std::string refusal(const http::TlsFiles& files) {
    const auto loaded = http::Tls::load(files, std::chrono::system_clock::now());
    return loaded ? "loaded" : loaded.error().detail;
}

}  // namespace

TEST_CASE("TLS 1.2 and 1.3 are spoken, with HTTP/1.1 over them, one request after the other", "[tls]") {
    Secure at;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client(at.server.address(), {.least = version, .most = version, .protocols = "\x02h2\x08http/1.1"});
        CHECK(SSL_version(client.ssl()) == version);
        const unsigned char* chosen = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
        CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
        for (int i = 0; i < 3; ++i) {
            client.send(hello);
            CHECK(client.answer().body == "hello");
        }
        std::string all;
        for (int i = 0; i < 20; ++i)
            all += "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n" + std::to_string(10 + i);
        client.send(all);
        for (int i = 0; i < 20; ++i) CHECK(client.answer().body == std::to_string(10 + i));
    }
}

TEST_CASE("older versions, and clients that only speak HTTP/2, are refused with an alert", "[tls]") {
    Secure at;
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        CHECK_THROWS_WITH(TlsClient(at.server.address(), {.least = version, .most = version}),
                          ContainsSubstring("alert protocol version"));
        CHECK(eventually([&] { return std::string(at.server.last_refused) == "handshake"; }));
    }
    CHECK_THROWS_WITH(TlsClient(at.server.address(), {.protocols = "\x02h2"}),
                      ContainsSubstring("no application protocol"));
    TlsClient client(at.server.address());
    client.send(hello);
    CHECK(client.answer().status == 200);
}

TEST_CASE("a plain request to a port of TLS is told so", "[tls]") {
    Secure at;
    for (const auto* request : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "delete / HTTP/1.1\r\n", "P"}) {
        Client client(at.server.address());
        client.send(request);
        const auto answer = client.answer();
        CHECK(answer.status == 400);
        CHECK_THAT(answer.body, ContainsSubstring("This port speaks https"));
        CHECK(answer.field("connection") == "close");
        client.half_close();
        CHECK(client.closed());
        CHECK(std::string(at.server.last_refused) == "plain_http");
    }
    CHECK(at.handler.handled == 0);
}

TEST_CASE("10 MiB go both ways over TLS, at once", "[tls]") {
    Secure at;
    std::string body;
    while (body.size() < 10 << 20) body += std::to_string(body.size()) + ' ';
    const auto size = std::to_string(body.size());
    TlsClient client(at.server.address());
    const auto reply = client.converse(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + size + "\r\n\r\n" + body, [&](const std::string& got) {
            return got.size() > body.size() && got.ends_with(body.substr(body.size() - 100));
        });
    CHECK(reply.substr(reply.find("\r\n\r\n") + 4) == body);
    const auto chunked =
        client.converse("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na00000\r\n" +
                            body.substr(0, 0xa00000) + "\r\n0\r\n\r\n",
                        [](const std::string& got) { return got.ends_with("\r\n0\r\n\r\n"); });
    CHECK(chunked.size() > 0xa00000);
    CHECK(chunked.ends_with(body.substr(0xa00000 - 50, 50) + "\r\n0\r\n\r\n"));
    client.send(hello);
    CHECK(client.answer().body == "hello");
}

TEST_CASE("a reply without a length ends with a close_notify only where it is whole", "[tls]") {
    Secure at;
    TlsClient whole(at.server.address());
    whole.send("GET /big-chunked?200000 HTTP/1.0\r\n\r\n");
    CHECK(whole.answer().body.size() == 200000);
    CHECK(whole.notified());
    TlsClient half(at.server.address());
    half.send("GET /half-chunked HTTP/1.0\r\n\r\n");
    half.until_close();
    CHECK_FALSE(half.notified());
}

TEST_CASE("an upgraded connection is the handler's over TLS too", "[tls]") {
    Secure at;
    TlsClient client(at.server.address());
    client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: capitals\r\n\r\nahead ");
    client.send("and after.");
    const auto all = client.until_close();
    CHECK(all.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(all.ends_with("\r\n\r\nAHEAD AND AFTER."));
    CHECK(client.notified());
}

TEST_CASE("new connections have the new certificate, and those that are open go on", "[tls]") {
    Secure at;
    TlsClient before(at.server.address());
    const Certificate next(at.directory.path() + "/next");
    at.server.secure(test::tls_of(next));
    TlsClient after(at.server.address());
    CHECK(before.server() == "own");
    CHECK(after.server() == "next");
    for (auto* client : {&before, &after}) {
        client->send(hello);
        CHECK(client->answer().body == "hello");
    }
}

TEST_CASE("a session is taken up again, but not where clients show certificates", "[tls]") {
    for (const bool clients : {false, true}) {
        Secure at({}, clients);
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            TlsClient::Wishes wishes{.least = version, .most = version, .own = &at.certificate};
            TlsClient first(at.server.address(), wishes);
            first.send(hello);
            CHECK(first.answer().status == 200);
            const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(SSL_get1_session(first.ssl()),
                                                                                    SSL_SESSION_free);
            wishes.session = session.get();
            TlsClient second(at.server.address(), wishes);
            second.send(hello);
            CHECK(second.answer().status == 200);
            CHECK((SSL_session_reused(second.ssl()) == 1) != clients);
        }
    }
}

TEST_CASE("where a CA is named only clients with a certificate of it get in", "[tls]") {
    Secure at({}, true);
    const Certificate ours(at.directory.path() + "/ours", &at.certificate);
    const Certificate other(at.directory.path() + "/other");
    const auto status = [&](const Certificate* own, int version) {
        try {
            TlsClient client(at.server.address(), {.most = version, .own = own});
            client.send(hello);
            return client.answer().status;
        } catch (const std::runtime_error&) {
            return 0;
        }
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CHECK(status(&ours, version) == 200);
        CHECK(status(nullptr, version) == 0);
        CHECK(status(&other, version) == 0);
    }
    CHECK(at.handler.handled == 2);
    CHECK(eventually([&] { return std::string(at.server.last_refused) == "handshake"; }));
}

TEST_CASE("a unix socket stays plain", "[tls]") {
    const test::TemporaryDirectory directory;
    const Certificate own(directory.path() + "/own");
    Scripted handler;
    Server server(handler, {}, "unix:" + directory.path() + "/socket", test::tls_of(own));
    Client client(server.address());
    client.send(hello);
    CHECK(client.answer().body == "hello");
}

TEST_CASE("files that make no certificate are refused, with the file and the reason", "[tls]") {
    const test::TemporaryDirectory directory;
    const auto& path = directory.path();
    const Certificate own(path + "/own");
    const Certificate other(path + "/other");
    const Certificate expired(path + "/expired", nullptr, -60);
    CHECK(refusal({own.certificate, own.key, own.certificate}) == "loaded");
    CHECK_THAT(refusal({path + "/none", own.key, ""}),
               ContainsSubstring("certificate " + path + "/none: cannot be read: No such"));
    CHECK_THAT(refusal({own.certificate, path + "/none", ""}),
               ContainsSubstring("key " + path + "/none: cannot be read"));
    CHECK_THAT(refusal({path, own.key, ""}), ContainsSubstring(path + ": is not a file"));
    CHECK_THAT(refusal({own.key, own.key, ""}), ContainsSubstring("holds no certificate"));
    CHECK_THAT(refusal({own.certificate, own.certificate, ""}), ContainsSubstring("holds no private key"));
    CHECK_THAT(refusal({own.certificate, other.key, ""}),
               ContainsSubstring(other.key + ": is not the key of the certificate " + own.certificate));
    CHECK_THAT(refusal({own.certificate, own.encrypted_key(), ""}), ContainsSubstring("needs a passphrase"));
    CHECK_THAT(refusal({expired.certificate, expired.key, ""}), ContainsSubstring("has expired"));
    CHECK_THAT(refusal({own.certificate, own.key, own.key}),
               ContainsSubstring("client CA " + own.key + ": holds no cert"));
    CHECK_THAT(refusal({own.certificate, own.key, path + "/none"}), ContainsSubstring("cannot be read"));
}
