// SPDX-License-Identifier: Apache-2.0
// Bytes written down from the FastCGI Specification, version 1.0, sections 3.3 to 5.5 and appendix B.
#include "contract/fcgi_records.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using contract::FcgiReplies;
using Kind = FcgiReplies::Kind;
using Catch::Matchers::ContainsSubstring;
using namespace std::string_literals;

namespace {

/// A record as a responder writes it.
std::string record(char type, const std::string& content, std::size_t padding = 0, char id = 1) {
    const auto size = content.size();
    return std::string{
               1, type, 0, id, static_cast<char>(size >> 8), static_cast<char>(size), static_cast<char>(padding), 'r'} +
           content + std::string(padding, '~');
}

const std::string end_of_request = record(3, "\0\0\0\0\0err"s);  // what is in the reserved bytes is nobody's business

struct Read {
    std::string output, error;
    bool ended = false, refused = false;
    std::size_t consumed = 0;
};

/// All of `bytes`, which come in pieces of `piece`.
Read read(FcgiReplies& replies, const std::string& bytes, std::size_t piece) {
    Read seen;
    std::size_t here = 0;
    while (!seen.ended && !seen.refused) {
        const auto step = replies.next(std::string_view(bytes).substr(seen.consumed, here - seen.consumed));
        seen.consumed += step.consumed;
        if (step.kind == Kind::output) seen.output += step.content;
        if (step.kind == Kind::error) seen.error += step.content;
        seen.ended = step.kind == Kind::end;
        seen.refused = step.kind == Kind::refused;
        if (step.kind != Kind::more) continue;
        if (here == bytes.size()) break;
        here = std::min(bytes.size(), here + piece);
    }
    return seen;
}

std::string refusal(const std::string& bytes) {
    FcgiReplies replies;
    REQUIRE(read(replies, bytes + std::string(300, '\0'), 1).refused);
    return replies.refusal();
}

}  // namespace

TEST_CASE("a request begins as a responder's that keeps its connection, and its parameters end", "[contract][fcgi]") {
    std::string out = "of the last request";
    contract::write_fcgi_begin(out, {"SERVER_PORT=80", "SERVER_ADDR=199.170.183.42"});
    CHECK(out ==
          "\1\1\0\1\0\10\0\0"
          "\0\1\1\0\0\0\0\0"
          "\1\4\0\1\0\52\0\0"
          "\13\2SERVER_PORT80"
          "\13\16SERVER_ADDR199.170.183.42"
          "\1\4\0\1\0\0\0\0"s);
}

TEST_CASE("a long name or value has four bytes of length", "[contract][fcgi]") {
    std::string out;
    contract::write_fcgi_begin(
        out, {"A=" + std::string(127, 'x'), "B=" + std::string(128, 'y'), std::string(300, 'N') + "=", "E=a=b"});
    CHECK(out.substr(24) == "\1\177A"s + std::string(127, 'x') + "\1\200\0\0\200B"s + std::string(128, 'y') +
                                "\200\0\1\54\0"s + std::string(300, 'N') + "\1\3Ea=b" + "\1\4\0\1\0\0\0\0"s);
}

TEST_CASE("parameters without end are cut into records", "[contract][fcgi]") {
    std::string out;
    contract::write_fcgi_begin(out, {"A=" + std::string(65'522, 'x'), "B=" + std::string(70'000, 'y')});
    // The first takes six bytes more than its value: the record is exactly full.
    const auto first = "\1\4\0\1\377\370\0\0"s + "\1\200\0\377\362A"s + std::string(65'522, 'x');
    CHECK(out.substr(16, 8) == first.substr(0, 8));
    CHECK(out.substr(16, first.size()) == first);
    const auto second = 16 + first.size();
    CHECK(out.substr(second, 8) == "\1\4\0\1\377\370\0\0"s);
    CHECK(out.substr(second + 8 + 65'528, 8) == "\1\4\0\1\21\176\0\0"s);  // 70,006 - 65,528
    CHECK(out.substr(second + 16 + 70'006) == "\1\4\0\1\0\0\0\0"s);
}

TEST_CASE("a request without parameters has the end of them alone", "[contract][fcgi]") {
    std::string out;
    contract::write_fcgi_begin(out, {});
    CHECK(out.substr(16) == "\1\4\0\1\0\0\0\0"s);
}

TEST_CASE("a piece of a body has its length before it, and nothing is its end", "[contract][fcgi]") {
    const auto text = [](const contract::FcgiHeader& header) { return std::string(header.begin(), header.end()); };
    CHECK(text(contract::fcgi_stdin_header(0)) == "\1\5\0\1\0\0\0\0"s);
    CHECK(text(contract::fcgi_stdin_header(258)) == "\1\5\0\1\1\2\0\0"s);
    CHECK(text(contract::fcgi_stdin_header(contract::fcgi_most_content)) == "\1\5\0\1\377\370\0\0"s);
}

TEST_CASE("a reply is output, errors and an end, in pieces of any size", "[contract][fcgi]") {
    const auto bytes = "\1\7\0\1\0\4\4\0oops~~~~"s + "\1\6\0\1\0\5\0\0Conte"s + record(6, "nt", 255) +
                       record(7, "!", 7) + record(6, "") + record(7, "", 3) + record(3, "\0\0\1\2\0err"s, 5);
    const auto piece = GENERATE(as<std::size_t>{}, 1, 2, 3, 7, 8, 9, 100, 1000);
    FcgiReplies replies;
    const auto seen = read(replies, bytes, piece);
    CHECK(seen.ended);
    CHECK(seen.consumed == bytes.size());
    CHECK(seen.output == "Content");
    CHECK(seen.error == "oops!");
    CHECK(replies.application_status() == 258);
    CHECK(replies.protocol_status() == 0);
}

TEST_CASE("a record of the largest size is given out as it comes", "[contract][fcgi]") {
    FcgiReplies replies;
    const auto bytes = record(6, std::string(65'535, 'x'), 1) + end_of_request;
    const auto seen = read(replies, bytes, 1000);
    CHECK(seen.ended);
    CHECK(seen.output == std::string(65'535, 'x'));
}

TEST_CASE("what comes after the end is left where it is", "[contract][fcgi]") {
    FcgiReplies replies;
    const auto seen = read(replies, end_of_request + "more", 100);
    CHECK(seen.ended);
    CHECK(seen.consumed == end_of_request.size());
    CHECK(replies.next("more").kind == Kind::end);
    CHECK(replies.next("more").consumed == 0);
}

TEST_CASE("a request that was not run says why", "[contract][fcgi]") {
    for (const unsigned status : {1U, 2U, 3U}) {
        FcgiReplies replies;
        REQUIRE(read(replies, record(3, std::string(4, '\0') + static_cast<char>(status) + "\0\0\0"s), 1).ended);
        CHECK(replies.protocol_status() == status);
    }
    CHECK_THAT(std::string(contract::fcgi_status_words(1)), ContainsSubstring("FCGI_CANT_MPX_CONN"));
    CHECK_THAT(std::string(contract::fcgi_status_words(2)), ContainsSubstring("FCGI_OVERLOADED"));
    CHECK_THAT(std::string(contract::fcgi_status_words(3)), ContainsSubstring("FCGI_UNKNOWN_ROLE"));
}

TEST_CASE("what is no record of our request is refused", "[contract][fcgi]") {
    CHECK_THAT(refusal("HTTP/1.1 200 OK\r\n"), ContainsSubstring("no FastCGI of version 1"));
    CHECK_THAT(refusal("\2\6\0\1\0\1\0\0x"s), ContainsSubstring("no FastCGI of version 1"));
    CHECK_THAT(refusal("\1\6\0\2\0\1\0\0x"s), ContainsSubstring("request 2"));
    CHECK_THAT(refusal("\1\6\1\1\0\1\0\0x"s), ContainsSubstring("request 257"));
    CHECK_THAT(refusal("\1\6\0\0\0\1\0\0x"s), ContainsSubstring("request 0"));
    for (const int type : {0, 1, 2, 4, 5, 8, 9, 10, 11, 12})
        CHECK_THAT(refusal(record(static_cast<char>(type), "12345678")),
                   ContainsSubstring("type " + std::to_string(type)));
    CHECK_THAT(refusal(record(3, "")), ContainsSubstring("with 0 bytes"));
    CHECK_THAT(refusal(record(3, "123456789")), ContainsSubstring("with 9 bytes"));
    CHECK_THAT(refusal(record(3, "\0\0\0\0\4\0\0\0"s)), ContainsSubstring("unknown status 4"));
    CHECK_THAT(refusal(record(6, "") + record(6, "x")), ContainsSubstring("more output after its end"));
    CHECK_THAT(refusal(record(7, "") + record(7, "x")), ContainsSubstring("more output after its end"));
}
