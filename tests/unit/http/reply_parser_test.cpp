// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/reply_parser.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>
#include <vector>

using namespace shallop::http;
using Catch::Matchers::ContainsSubstring;
using Progress = ReplyParser::Progress;
using Framing = ReplyParser::Framing;

namespace {

struct Read {
    Progress progress;
    ReplyParser parser;
};

Read read(const std::string& bytes, ReplyParser::Asked asked = {}) {
    Read result{Progress::more, ReplyParser()};
    result.parser.start(asked);
    result.progress = result.parser.parse(bytes);
    return result;
}

/// A 200 with `fields`, each line with its CRLF.
std::string reply(const std::string& fields) { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n"; }

std::string refusal(const std::string& bytes, ReplyParser::Asked asked = {}) {
    const auto result = read(bytes, asked);
    return result.progress == Progress::refused ? result.parser.refusal() : "accepted";
}

/// The fields that may be handed on, as "name: value|".
std::string handed_on(const ReplyParser& parser, const std::string& bytes) {
    std::string text;
    for (std::size_t i = 0; i < parser.fields(); ++i) {
        const auto field = parser.field(i, bytes);
        if (!field.hop_by_hop) text.append(field.name).append(": ").append(field.value).append("|");
    }
    return text;
}

}  // namespace

TEST_CASE("a reply's head is read into its parts", "[http]") {
    const std::string head =
        "HTTP/1.1 404 Not there\r\nContent-Type: text/plain\r\nX-Empty:\r\nContent-Length: 12\r\nSet-Cookie: a=b "
        "\r\n\r\n";
    const auto result = read(head + "and the body");
    REQUIRE(result.progress == Progress::done);
    const auto& parser = result.parser;
    CHECK(parser.size() == head.size());
    CHECK(parser.status() == 404);
    CHECK(parser.reason(head) == "Not there");
    CHECK(parser.framing() == Framing::length);
    CHECK(parser.content_length() == 12);
    CHECK(parser.keep_alive());
    CHECK(handed_on(parser, head) == "Content-Type: text/plain|X-Empty: |Set-Cookie: a=b|");
}

TEST_CASE("a head in pieces reads as the whole one does", "[http]") {
    const std::string head =
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n";
    ReplyParser parser;
    parser.start({});
    for (std::size_t size = 1; size < head.size(); ++size)
        REQUIRE(parser.parse(head.substr(0, size)) == Progress::more);
    REQUIRE(parser.parse(head) == Progress::done);
    CHECK(parser.size() == head.size());
    CHECK(parser.status() == 200);
    CHECK(parser.framing() == Framing::chunked);
    CHECK(handed_on(parser, head) == "A: b|");
}

TEST_CASE("a parser that has read one reply reads the next", "[http]") {
    ReplyParser parser;
    parser.start({});
    REQUIRE(parser.parse(reply("Content-Length: 5\r\nConnection: close\r\n")) == Progress::done);
    parser.start({});
    const auto next = reply("Transfer-Encoding: chunked\r\n");
    REQUIRE(parser.parse(next) == Progress::done);
    CHECK(parser.keep_alive());
    CHECK_FALSE(parser.content_length());
    CHECK(parser.fields() == 1);
}

TEST_CASE("a reason may be missing", "[http]") {
    for (const std::string line : {"HTTP/1.1 200", "HTTP/1.1 200 "}) {
        const auto bytes = line + "\r\n\r\n";
        const auto result = read(bytes);
        REQUIRE(result.progress == Progress::done);
        CHECK(result.parser.reason(bytes).empty());
    }
}

TEST_CASE("where a reply's body ends follows from its head and from what was asked", "[http]") {
    const auto framing = [](const std::string& bytes, ReplyParser::Asked asked = {}) {
        const auto result = read(bytes, asked);
        REQUIRE(result.progress == Progress::done);
        return result.parser.framing();
    };
    CHECK(framing(reply("")) == Framing::until_close);
    CHECK(framing(reply("Content-Length: 0\r\n")) == Framing::length);
    CHECK(framing(reply("Transfer-Encoding: CHUNKED\r\n")) == Framing::chunked);
    CHECK(framing(reply("Content-Length: 5\r\n"), {true, false}) == Framing::none);
    CHECK(framing(reply("Transfer-Encoding: chunked\r\n"), {true, false}) == Framing::none);
    CHECK(framing("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n") == Framing::none);
    CHECK(framing("HTTP/1.1 204 None\r\n\r\n") == Framing::none);
    CHECK(framing("HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n") == Framing::length);
}

TEST_CASE("a connection lasts only where both versions and fields say so", "[http]") {
    const auto lasts = [](const std::string& bytes) {
        const auto result = read(bytes);
        REQUIRE(result.progress == Progress::done);
        return result.parser.keep_alive();
    };
    const std::string old = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n";
    CHECK(lasts(reply("Content-Length: 0\r\n")));
    CHECK_FALSE(lasts(reply("Content-Length: 0\r\nConnection: x, Close\r\n")));
    CHECK_FALSE(lasts(reply("")));
    CHECK_FALSE(lasts(old + "\r\n"));
    CHECK(lasts(old + "Connection: Keep-Alive\r\n\r\n"));
    CHECK_FALSE(lasts(old + "Connection: keep-alive, close\r\n\r\n"));
    CHECK(lasts("HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n"));
    CHECK_FALSE(lasts("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n"));
    CHECK_FALSE(lasts("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST_CASE("a server says for how long it keeps an idle connection", "[http]") {
    CHECK(read(reply("Keep-Alive: max=10, Timeout=5\r\n")).parser.idle_seconds() == 5U);
    CHECK_FALSE(read(reply("Keep-Alive: timeout=soon\r\n")).parser.idle_seconds());
    CHECK_FALSE(read(reply("Keep-Alive: timeout=99999999999999\r\n")).parser.idle_seconds());
}

TEST_CASE("fields of the connection are told from those of the reply", "[http]") {
    const auto bytes = reply(
        "Connection: close, X-Private\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTE: x\r\nTrailer: y\r\n"
        "Upgrade: h2c\r\nX-Private: 1\r\nX-Public: 2\r\nDate: now\r\nServer: s\r\nTransfer-Encoding: chunked\r\n");
    const auto result = read(bytes);
    REQUIRE(result.progress == Progress::done);
    CHECK(handed_on(result.parser, bytes) == "X-Public: 2|Date: now|Server: s|");
}

TEST_CASE("interim replies are read over", "[http]") {
    const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
    std::string bytes;
    for (int i = 0; i < 16; ++i) bytes += interim;
    const auto final_head = reply("Content-Length: 0\r\n");
    const auto result = read(bytes + final_head);
    REQUIRE(result.progress == Progress::done);
    CHECK(result.parser.status() == 200);
    CHECK(result.parser.size() == bytes.size() + final_head.size());
    CHECK(read(bytes).progress == Progress::more);
    CHECK_THAT(refusal(bytes + interim), ContainsSubstring("more than 16 interim"));
}

TEST_CASE("101 is an answer only to those who asked", "[http]") {
    const std::string switching =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    CHECK_THAT(refusal(switching), ContainsSubstring("nobody had asked"));
    const auto result = read(switching + "raw", {false, true});
    REQUIRE(result.progress == Progress::done);
    CHECK(result.parser.status() == 101);
    CHECK(result.parser.size() == switching.size());
    CHECK_FALSE(result.parser.keep_alive());
    CHECK_THAT(refusal("HTTP/1.1 101 x\r\n\r\n", {false, true}), ContainsSubstring("without an Upgrade"));
    CHECK_THAT(refusal("HTTP/1.1 101 x\r\nUpgrade: a\r\nContent-Length: 3\r\n\r\n", {false, true}),
               ContainsSubstring("with a body"));
}

TEST_CASE("a reply that readers could take in two ways is refused", "[http]") {
    const auto [bytes, why] = GENERATE(table<std::string, std::string>({
        {reply("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "both Transfer-Encoding and Content-Length"},
        {reply("Content-Length: 1\r\nContent-Length: 1\r\n"), "more than one Content-Length"},
        {reply("Content-Length: +1\r\n"), "no number"},
        {reply("Content-Length: 1, 1\r\n"), "no number"},
        {reply("Content-Length: -1\r\n"), "no number"},
        {reply("Content-Length:\r\n"), "no number"},
        {reply("Content-Length: 01\r\n"), "begins with a zero"},
        {reply("Content-Length: 99999999999999999999\r\n"), "too large"},
        {reply("Content-Length: 9223372036854775808\r\n"), "too large"},
        {reply("Content_Length: 1\r\n"), "Content_Length"},
        {reply("Transfer_Encoding: chunked\r\n"), "Transfer_Encoding"},
        {reply("Transfer-Encoding: gzip, chunked\r\n"), "not \"chunked\""},
        {reply("Transfer-Encoding: xchunked\r\n"), "not \"chunked\""},
        {reply("Transfer-Encoding: identity\r\n"), "not \"chunked\""},
        {reply("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "more than one Transfer-Encoding"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "in HTTP/1.0"},
        {reply("A: b\r\n c\r\n"), "folded"},
        {reply("A : b\r\n"), "no head"},
        {reply(": b\r\n"), "field name is empty"},
        {reply("no colon\r\n"), "no colon"},
        {reply("A: b\nB: c\r\n"), "LF without CR"},
        {reply("A: b\rc\r\n"), "control byte"},
        {reply(std::string("A: b\0c\r\n", 8)), "control byte"},
        {reply("A: b\x7f\r\n"), "control byte"},
        {"HTTP/1.1 100 x\r\nContent-Length: 1\r\n\r\n", "interim reply with a body"},
    }));
    INFO(bytes);
    CHECK_THAT(refusal(bytes), ContainsSubstring(why == "no head" ? "field name" : why));
}

TEST_CASE("what is no reply is refused as soon as that is known", "[http]") {
    CHECK_THAT(refusal("SSH"), ContainsSubstring("no HTTP/1.1 reply"));
    CHECK_THAT(refusal("\r"), ContainsSubstring("no HTTP/1.1 reply"));
    CHECK_THAT(refusal("HTTP/2"), ContainsSubstring("no HTTP/1.1 reply"));
    CHECK(read("HTTP/1.").progress == Progress::more);
    const auto [line, why] = GENERATE(table<std::string, std::string>({
        {"HTTP/1.2 200 OK", "no HTTP/1.1 reply"},
        {"HTTP/1.1  200 OK", "no HTTP/1.1 reply"},
        {"HTTP/1.1 20 OK", "no HTTP/1.1 reply"},
        {"HTTP/1.1 2000 OK", "no HTTP/1.1 reply"},
        {"HTTP/1.1 099 x", "status 099"},
        {"HTTP/1.1 600 x", "status 600"},
        {"HTTP/1.1 200 a\x01", "control byte"},
        {"HTTP/1.1", "no HTTP/1.1 reply"},
    }));
    INFO(line);
    CHECK_THAT(refusal(line + "\r\n\r\n"), ContainsSubstring(why));
}

TEST_CASE("a reply's head has limits", "[http]") {
    CHECK(read(reply("A: " + std::string(60000, 'x') + "\r\n")).progress == Progress::done);
    CHECK_THAT(refusal(reply("A: " + std::string(70000, 'x') + "\r\n")), ContainsSubstring("longer than 65536"));
    CHECK_THAT(refusal("HTTP/1.1 200 " + std::string(70000, 'x')), ContainsSubstring("longer than 65536"));
    std::string fields;
    for (int i = 0; i < 256; ++i) fields += "A: b\r\n";
    CHECK(read(reply(fields)).progress == Progress::done);
    CHECK_THAT(refusal(reply(fields + "A: b\r\n")), ContainsSubstring("more than 256 fields"));
}
