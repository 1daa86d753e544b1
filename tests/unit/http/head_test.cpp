// SPDX-License-Identifier: Apache-2.0
#include <http/head.h>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using http::HeadParser;
using Progress = http::HeadParser::Progress;

namespace {

const http::Limits limits;

struct Outcome {
    Progress progress;
    http::Head head;
    int status = 0;
    std::string detail;
    std::size_t size = 0;
};

Outcome parse(std::string_view bytes, const http::Limits& bounds = limits) {
    HeadParser parser(bounds);
    Outcome outcome{parser.parse(bytes), {}, parser.refusal().status, parser.refusal().detail, parser.size()};
    if (outcome.progress == Progress::done) outcome.head = std::move(parser.head());
    return outcome;
}

/// The status a GET with these field lines (each with its CRLF) is refused with; 200 if it is taken.
int with_fields(const std::string& lines, const std::string& request_line = "POST / HTTP/1.1") {
    const auto outcome = parse(request_line + "\r\n" + lines + "\r\n");
    if (outcome.progress == Progress::more) return 0;
    return outcome.progress == Progress::done ? 200 : outcome.status;
}

int with_line(const std::string& request_line) { return with_fields("Host: a\r\n", request_line); }

}  // namespace

TEST_CASE("a plain head is taken apart", "[http]") {
    const auto outcome =
        parse("GET /a/b?c=d&e HTTP/1.1\r\nHost: Example.ORG.:8080\r\nX-One:  two words\t \r\nEmpty:\r\n\r\nrest");
    REQUIRE(outcome.progress == Progress::done);
    const auto& request = outcome.head.request;
    CHECK(request.method == "GET");
    CHECK(request.target == "/a/b?c=d&e");
    CHECK(request.path == "/a/b");
    CHECK(request.query == "c=d&e");
    CHECK(request.version == 11);
    CHECK(request.host == "example.org");
    CHECK(request.keep_alive);
    CHECK_FALSE(request.chunked);
    CHECK_FALSE(request.content_length);
    REQUIRE(request.fields.size() == 3);
    CHECK(request.fields[1] == base::Field{"X-One", "two words"});
    CHECK(request.fields[2] == base::Field{"Empty", ""});
    CHECK(outcome.size ==
          std::string("GET /a/b?c=d&e HTTP/1.1\r\nHost: Example.ORG.:8080\r\nX-One:  two words\t \r\nEmpty:\r\n\r\n")
              .size());
}

TEST_CASE("a head split anywhere is the same head", "[http]") {
    const std::string whole =
        "\r\nPOST http://h:80/x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nExpect: 100-Continue\r\nConnection: x, "
        "Close\r\n\r\n";
    HeadParser parser(limits);
    for (std::size_t size = 0; size < whole.size(); ++size)
        REQUIRE(parser.parse(std::string_view(whole).substr(0, size)) == Progress::more);
    REQUIRE(parser.parse(whole) == Progress::done);
    CHECK(parser.size() == whole.size());
    const auto head = std::move(parser.head());
    parser.start();
    CHECK(head.request.target == "/x?y");
    CHECK(head.request.content_length == 12);
    CHECK(head.expects_continue);
    CHECK_FALSE(head.request.keep_alive);
    CHECK(parser.parse("GET / HTTP/1.0\r\n\r\n") == Progress::done);
}

TEST_CASE("keep-alive follows the version and the Connection field", "[http]") {
    const auto keeps = [](const std::string& text) { return parse(text).head.request.keep_alive; };
    CHECK(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
    CHECK_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    CHECK_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: x,close\r\n\r\n"));
}

TEST_CASE("the request line has one method, one target and one version", "[http]") {
    CHECK(with_line("GET / HTTP/1.1") == 200);
    CHECK(with_line("get / HTTP/1.1") == 200);
    CHECK(with_line("PATCH / HTTP/1.0") == 200);
    CHECK(with_line("GET / HTTP/1.2") == 200);
    for (const char* line : {"GET /",
                             "GET",
                             "GET  / HTTP/1.1",
                             "GET / HTTP/1.1 ",
                             " GET / HTTP/1.1",
                             "GET\t/ HTTP/1.1",
                             "GET / http/1.1",
                             "GET / HTTP/1",
                             "GET / HTTP/1.10",
                             "GET / HTTP/01.1",
                             "GET / HTTP/ 1.1",
                             "GET / HTTP/1.x",
                             "GET / ICE/1.0",
                             "GET HTTP/1.1",
                             "GET / ",
                             "GET /a b HTTP/1.1",
                             "G(T / HTTP/1.1",
                             "G\xC3T / HTTP/1.1",
                             ": / HTTP/1.1",
                             "\"GET\" / HTTP/1.1",
                             "Extra lineGET / HTTP/1.1"}) {
        INFO(line);
        CHECK(with_line(line) == 400);
    }
    for (const char* line : {"GET / HTTP/2.0", "GET / HTTP/9.9", "GET / HTTP/0.9", "PRI * HTTP/2.0"}) {
        INFO(line);
        CHECK(with_line(line) == 505);
    }
    CHECK(with_line("CONNECT a:80 HTTP/1.1") == 501);
    CHECK(with_line("TRACE / HTTP/1.1") == 501);
    CHECK(with_line(std::string(32, 'M') + " / HTTP/1.1") == 200);
    CHECK(with_line(std::string(300, 'M') + " / HTTP/1.1") == 501);
}

TEST_CASE("a line that begins with a word longer than any target is malformed, whole or not", "[http]") {
    const std::string word(limits.target + 1, 'M');
    CHECK(with_line(word + " / HTTP/1.1") == 400);
    CHECK(parse(word + std::string(100, 'M')).status == 400);
    CHECK(parse(std::string(100'000, 'A')).status == 400);
    CHECK(parse(std::string(limits.target, 'M') + " / HTTP/1.1\r\n").status == 501);
    CHECK(parse("GET " + word + std::string(100, 'M')).status == 414);
}

TEST_CASE("a target is a path, an http address or the star of OPTIONS", "[http]") {
    CHECK(with_line("GET //x HTTP/1.1") == 200);
    CHECK(with_line("GET /%zz?a=|{}\\ HTTP/1.1") == 200);
    CHECK(with_line("OPTIONS * HTTP/1.1") == 200);
    CHECK(with_line("GET HTTPS://A HTTP/1.1") == 200);
    CHECK(with_line("GET http://a.:80/x HTTP/1.1") == 200);
    CHECK(parse("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n").head.request.target == "/?q");
    CHECK(parse("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").head.request.path == "*");
    CHECK(parse("GET http://b/ HTTP/1.0\r\n\r\n").head.request.host == "b");
    for (const char* line :
         {"GET * HTTP/1.1", "GET a HTTP/1.1", "GET a:80 HTTP/1.1", "GET ftp://a/ HTTP/1.1", "GET http:/a HTTP/1.1",
          "GET http:///x HTTP/1.1", "GET http://u@a/ HTTP/1.1", "GET http://u:p@a/ HTTP/1.1", "GET ://a/ HTTP/1.1",
          "GET /a#b HTTP/1.1", "GET /a\x7F HTTP/1.1", "GET /\xC3\xA4 HTTP/1.1", "GET \\ HTTP/1.1", "GET ? HTTP/1.1",
          "GET http://b/ HTTP/1.1", "GET http://a:81/ HTTP/1.1", "GET file:///etc HTTP/1.1", "GET unix:/x HTTP/1.1"}) {
        INFO(line);
        CHECK(with_line(line) == 400);
    }
}

TEST_CASE("an HTTP/1.1 request has one Host field that names a host", "[http]") {
    for (const char* host :
         {"a", "a.b-c_d", "A.B.", "127.0.0.1:80", "[::1]", "[2001:db8::1]:8080", "a:", "xn--bcher-kva.example:1"}) {
        INFO(host);
        CHECK(with_fields("Host: " + std::string(host) + "\r\n") == 200);
    }
    for (const char* host :
         {"",         "a b",      "a,b",  "a/b",        "u@a",    "a:80:80", "a:x",    "a:+1",
          "a:65536",  "a:000080", "[::1", "::1",        "[::1]x", "[::g]",   "[v1.x]", "[fe80::1%25lo]",
          "a..b",     ".a",       ".",    "a%2eb",      "a?b",    "a#b",     "\"a\"",  "http://a",
          "\xC3\xA4", "a;b",      "a:-1", "[127.0.0.1]"}) {
        INFO(host);
        CHECK(with_fields("Host: " + std::string(host) + "\r\n") == 400);
    }
    CHECK(with_fields("") == 400);
    CHECK(with_fields("Host: a\r\nHost: a\r\n") == 400);
    CHECK(with_fields("Host: a\r\nhOST: b\r\n") == 400);
    CHECK(with_fields("", "GET / HTTP/1.0") == 200);
    CHECK(with_fields("Host: a\r\nHost: a\r\n", "GET / HTTP/1.0") == 400);
}

TEST_CASE("the length of a body is told once and plainly", "[http]") {
    const auto status = [](const std::string& lines) { return with_fields("Host: a\r\n" + lines); };
    for (const char* value : {"0", "5", " 5\t", "9223372036854775807"}) {
        INFO(value);
        CHECK(status("Content-Length: " + std::string(value) + "\r\n") == 200);
    }
    for (const char* value : {"",
                              "+5",
                              "-5",
                              "-0",
                              "0x5",
                              "0o5",
                              "5,5",
                              "5, 6",
                              "5 5",
                              "1_0",
                              "5;",
                              "5.0",
                              "abc",
                              "\"5\"",
                              "05",
                              "00",
                              "1e3",
                              "9223372036854775808",
                              "9999999999999999999",
                              "18446744073709551616",
                              "99999999999999999999",
                              "10000000000000000000"}) {
        INFO(value);
        CHECK(status("Content-Length: " + std::string(value) + "\r\n") == 400);
    }
    CHECK(status("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
    CHECK(status("content-length: 5\r\nContent-Length: 6\r\n") == 400);
    CHECK(status("Content_Length: 5\r\n") == 400);
}

TEST_CASE("the only transfer coding is one chunked", "[http]") {
    const auto status = [](const std::string& lines) { return with_fields("Host: a\r\n" + lines); };
    CHECK(status("Transfer-Encoding: chunked\r\n") == 200);
    CHECK(status("TRANSFER-ENCODING:\tChunKed \r\n") == 200);
    for (const char* value : {"", "xchunked", "chunkedx", "\"chunked\"", "chunked, identity", "identity, chunked",
                              "chunked,chunked", ", chunked", "chunked,", "chunked;a=b", "chunked chunked",
                              "gzip, chunked", "chunked, gzip", "'chunked'", "x chunked"}) {
        INFO(value);
        CHECK(status("Transfer-Encoding: " + std::string(value) + "\r\n") == 400);
    }
    for (const char* value : {"gzip", "identity", "pigeons"}) {
        INFO(value);
        CHECK(status("Transfer-Encoding: " + std::string(value) + "\r\n") == 501);
        CHECK(status("Content-Length: 5\r\nTransfer-Encoding: " + std::string(value) + "\r\n") == 400);
    }
    CHECK(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") == 400);
    CHECK(status("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(status("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
    CHECK(status("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(status("Transfer_Encoding: chunked\r\n") == 400);
    CHECK(with_fields("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0") == 400);
}

TEST_CASE("a field is a token, a colon and a value on one line", "[http]") {
    const auto status = [](const std::string& lines) { return with_fields("Host: a\r\n" + lines); };
    CHECK(status("X-Ok_1!#$%&'*+.^`|~: \xC3\xA4 \t z\r\n") == 200);
    CHECK(status("X: \xFF\r\n") == 200);
    for (const std::string line : {"X : a", " X: a", "\tX: a", "X", ": a", "X[]: a", "X\t: a", "X Y: a", "\xC3: a",
                                   "X(: a", "X@: a", "X\"Y\": a", "X/Y: a", "X: a\r\n b", "X: a\r\n\tb", "X:\r\n b"}) {
        INFO(line);
        CHECK(status(line + "\r\n") == 400);
    }
    CHECK(with_fields(" \r\nHost: a\r\n") == 400);
}

TEST_CASE("control bytes and half line ends are refused at once", "[http]") {
    for (int c = 0; c < 0x20; ++c) {
        if (c == '\t' || c == '\r') continue;
        const std::string byte(1, static_cast<char>(c));
        INFO(c);
        CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nX: y" + byte).status == 400);
        CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nX" + byte + "Y: y").status == 400);
        CHECK(parse("GET /" + byte).status == 400);
        CHECK(parse(byte).status == 400);
    }
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nX: \x7F").status == 400);
    CHECK(parse("GET / HTTP/1.1\nHost: a\r\n").status == 400);
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\n").status == 400);
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\n\n").status == 400);
    CHECK(parse("GET / HTTP/1.1\rHost: a").status == 400);
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\rX: b").status == 400);
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\n\rX: b").status == 400);
    CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\r\n").status == 400);
    CHECK(parse("\x16\x03\x01\x02").status == 400);
}

TEST_CASE("one empty line before the request line is forgiven, a second is not", "[http]") {
    CHECK(parse("\r\nGET / HTTP/1.0\r\n\r\n").progress == Progress::done);
    CHECK(parse("\r\n\r\n").status == 400);
    HeadParser parser(limits);
    CHECK(parser.parse("\r\n") == Progress::more);
    CHECK_FALSE(parser.begun());
    CHECK(parser.parse("\r\nG") == Progress::more);
    CHECK(parser.begun());
}

TEST_CASE("expectations other than 100-continue fail, but not from HTTP/1.0", "[http]") {
    CHECK(with_fields("Host: a\r\nExpect: 100-continue\r\n") == 200);
    CHECK(with_fields("Host: a\r\nExpect: 200-ok\r\n") == 417);
    CHECK(with_fields("Host: a\r\nExpect: 100-continue, x\r\n") == 417);
    const auto old = parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    CHECK(old.progress == Progress::done);
    CHECK_FALSE(old.head.expects_continue);
}

TEST_CASE("the head's limits have their own answers", "[http]") {
    http::Limits small;
    small.head = 200;
    small.fields = 3;
    small.target = 50;
    const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\n";
    CHECK(parse("GET /" + std::string(50, 'x') + " HTTP/1.1\r\n", small).status == 414);
    CHECK(parse("GET /" + std::string(300, 'x'), small).status == 414);
    CHECK(parse("GET http://a/" + std::string(49, 'x') + " HTTP/1.1\r\n", small).status == 414);
    CHECK(parse(begin + "X: " + std::string(300, 'x'), small).status == 431);
    CHECK(parse(begin + "A: 1\r\nB: 2\r\nC: 3\r\n", small).status == 431);
    CHECK(parse(begin + "A: 1\r\nB: 2\r\n\r\n", small).progress == Progress::done);

    const auto fill = std::string(200 - begin.size() - 7, 'x');
    CHECK(parse(begin + "X: " + fill + "\r\n\r\n", small).progress == Progress::done);
    CHECK(parse(begin + "X: " + fill + "x\r\n\r\n", small).status == 431);
}
