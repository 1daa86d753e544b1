// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/problem.h>
#include <shallop/http/syntax.h>

#include <http/reply_head.h>

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <unistd.h>

using namespace shallop;
using http::Framing;

namespace {

http::Request request(const std::string& method = "GET", int version = 11) {
    http::Request asked;
    asked.method = method;
    asked.version = version;
    return asked;
}

std::string head(const http::Response& reply, const http::Request& asked = request(), bool keep_alive = true) {
    base::Log quiet(2, base::Level::error);
    return http::write_head(reply, http::Asked(asked), http::framing_of(reply, http::Asked(asked)), keep_alive, "now",
                            quiet);
}

}  // namespace

TEST_CASE("how a reply's body ends depends on length, version, method and status", "[http]") {
    http::Response known;
    known.content_length = 5;
    const http::Response unknown;
    http::Response empty;
    empty.status = 204;
    CHECK(http::framing_of(known, http::Asked(request())) == Framing::length);
    CHECK(http::framing_of(unknown, http::Asked(request())) == Framing::chunked);
    CHECK(http::framing_of(unknown, http::Asked(request("GET", 10))) == Framing::until_close);
    CHECK(http::framing_of(known, http::Asked(request("HEAD"))) == Framing::none);
    CHECK(http::framing_of(empty, http::Asked(request())) == Framing::none);
    CHECK(head(known) == "HTTP/1.1 200 OK\r\nDate: now\r\nServer: shallop\r\nContent-Length: 5\r\n\r\n");
    CHECK(head(unknown) == "HTTP/1.1 200 OK\r\nDate: now\r\nServer: shallop\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(head(unknown, request("GET", 10), false) ==
          "HTTP/1.1 200 OK\r\nDate: now\r\nServer: shallop\r\nConnection: close\r\n\r\n");
    CHECK(head(known, request("HEAD", 10)) ==
          "HTTP/1.1 200 OK\r\nDate: now\r\nServer: shallop\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
    CHECK(head(empty) == "HTTP/1.1 204 No Content\r\nDate: now\r\nServer: shallop\r\n\r\n");
}

TEST_CASE("a reply's own Date, Server and reason are kept, its framing is not", "[http]") {
    http::Response reply;
    reply.status = 299;
    reply.reason = "Just so";
    reply.content_length = 0;
    reply.fields = {{"date", "then"},    {"SERVER", "me"},          {"Set-Cookie", "a"},
                    {"Set-Cookie", "b"}, {"Connection", "upgrade"}, {"content-length", "7"}};
    CHECK(head(reply) ==
          "HTTP/1.1 299 Just so\r\ndate: then\r\nSERVER: me\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: "
          "0\r\n\r\n");
}

TEST_CASE("nothing in a field or reason ends the line it is on", "[http]") {
    for (int c = 0; c < 0x20; ++c) {
        if (c == '\t') continue;
        const std::string byte(1, static_cast<char>(c));
        http::Response reply;
        reply.content_length = 0;
        reply.reason = "x" + byte + "Injected: 1";
        reply.fields = {{"A", "x" + byte + "y"}, {"B" + byte, "x"}};
        INFO(c);
        base::Log quiet(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        CHECK(http::write_head(reply, http::Asked(request()), Framing::length, true, "now", quiet) ==
              "HTTP/1.1 200 OK\r\nDate: now\r\nServer: shallop\r\nContent-Length: 0\r\n\r\n");
    }
}

TEST_CASE("the date has its fixed form and changes with the second", "[http]") {
    http::DateLine date;
    const auto time = std::chrono::system_clock::from_time_t(784111777);
    CHECK(date.at(time) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(date.at(time + std::chrono::milliseconds(900)) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(date.at(time + std::chrono::seconds(1)) == "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST_CASE("a problem document survives any text", "[http]") {
    std::string body;
    http::Problem what{404, "no \"x\"\\\n\x01\xFF\xC3\xA4\xED\xA0\x80", "about:blank", "", {{"pointer", "/a"}}};
    const auto reply = http::problem(what, body);
    CHECK(reply.status == 404);
    CHECK(reply.fields[0] == base::Field{"Content-Type", "application/problem+json"});
    CHECK(reply.content_length == body.size());
    CHECK(body ==
          "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"no "
          "\\\"x\\\"\\\\\\u000a\\u0001\xEF\xBF\xBD\xC3\xA4"
          "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"fault\":\"invalid\",\"pointer\":\"/a\"}\n");
}

TEST_CASE("every problem has a word for programs, its own or its status's", "[http]") {
    const auto says = [](const http::Problem& what, const std::string& fault) {
        std::string body;
        (void)http::problem(what, body);
        const auto member = "\"fault\":\"" + fault + "\"";
        return body.find(member) != std::string::npos && body.find("\"fault\"") == body.rfind("\"fault\"");
    };
    const std::pair<int, const char*> table[] = {{400, "invalid"},        {408, "timed_out"},       {413, "too_large"},
                                                 {414, "too_large"},      {417, "invalid"},         {431, "too_large"},
                                                 {500, "internal"},       {501, "not_implemented"}, {503, "overloaded"},
                                                 {505, "not_implemented"}};
    for (const auto& [status, fault] : table) {
        INFO(status);
        CHECK(says({status, "", "about:blank", "", {}}, fault));
    }
    CHECK(says({404, "", "about:blank", "", {{"fault", "not_found"}}}, "not_found"));
}

TEST_CASE("tokens, values and lists are told apart from what they are not", "[http]") {
    CHECK(http::is_token("a-Z0!#$%&'*+.^_`|~"));
    for (const char* text : {"", "a b", "a:", "a\t", "(", "\xC3", "\""}) CHECK_FALSE(http::is_token(text));
    CHECK(http::is_field_value("a \t\xFF"));
    CHECK_FALSE(http::is_field_value("a\x7F"));
    CHECK(http::trim(" \t a b\t ") == "a b");
    CHECK(http::trim(" \t ").empty());
    CHECK(http::list_has("a, Close ,b", "close"));
    CHECK_FALSE(http::list_has("a, closed", "close"));
    CHECK(http::is_hop_by_hop("Keep-Alive"));
    CHECK_FALSE(http::is_hop_by_hop("Date"));
}
