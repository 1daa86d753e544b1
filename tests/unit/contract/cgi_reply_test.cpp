// SPDX-License-Identifier: Apache-2.0
#include "unit/contract/run_reply.h"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using contract::ReplyRules;
using function::Output;
using test::run_reply;
using test::Seen;

namespace {

const std::string plain = "Content-Type: text/plain";
const std::string utf8 = "Content-Type: text/plain; charset=utf-8";
const std::string bytes = "Content-Type: application/octet-stream";

struct Row {
    const char* claim;
    Output output;
    std::string printed;
    Seen seen;
};

/// The same, however the output is cut into pieces.
void check(const Row& row, ReplyRules rules = {}) {
    rules.output = row.output;
    for (const std::size_t piece :
         {std::size_t{1} << 20, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
        INFO(row.claim << ", in pieces of " << piece);
        const auto seen = run_reply(rules, row.printed, piece);
        INFO("why: " << seen.why << ", length: " << seen.length);
        CHECK(seen.how == row.seen.how);
        CHECK(seen.status == row.seen.status);
        CHECK(seen.reason == row.seen.reason);
        CHECK(seen.fields == row.seen.fields);
        // What is printed in one piece and ends at once may have a known length.
        if (!row.seen.length.empty()) CHECK(seen.length == row.seen.length);
        CHECK(seen.body == row.seen.body);
        CHECK(seen.why.find(row.seen.why) != std::string::npos);
    }
}

Seen whole(int status, std::string reason, std::string fields, std::string body, std::string length = "") {
    return {"whole", status, std::move(reason), std::move(fields), std::move(length), std::move(body), ""};
}
Seen failed(std::string why) { return {"failed", 0, "", "", "", "", std::move(why)}; }

constexpr auto automatic = Output::automatic;
constexpr auto cgi = Output::cgi;
constexpr auto raw = Output::raw;
constexpr auto nph = Output::nph;

}  // namespace

TEST_CASE("a CGI document is taken apart", "[contract]") {
    const std::vector<Row> rows = {
        {"LF lines", automatic, "Content-Type: text/plain\n\nhi\n", whole(200, "", plain, "hi\n")},
        {"CRLF lines", automatic, "Content-Type: text/plain\r\n\r\nhi\r\n", whole(200, "", plain, "hi\r\n")},
        {"mixed lines", cgi, "Content-Type: text/plain\r\nX-A: b\n\r\nhi", whole(200, "", plain + "|X-A: b", "hi")},
        {"status with reason", automatic, "Status: 418 Teapot Here\nContent-Type: text/plain\n\n",
         whole(418, "Teapot Here", plain, "")},
        {"status without reason", automatic, "Status: 404\nContent-Type: text/plain\n\nno",
         whole(404, "", plain, "no")},
        {"status in any case", automatic, "sTATUS: 201 \nContent-type: text/plain\n\n",
         whole(201, "", "Content-type: text/plain", "")},
        {"status alone", automatic, "Status: 202 Fine\n\n", whole(202, "Fine", "", "", "0")},
        {"spaces around values", automatic, "Content-Type:   text/plain\t \n\n", whole(200, "", plain, "")},
        {"no space after the colon", automatic, "Content-Type:text/plain\n\n", whole(200, "", plain, "")},
        {"empty value", automatic, "Content-Type: text/plain\nX-A:\n\n", whole(200, "", plain + "|X-A: ", "")},
        {"bytes above 0x7f", automatic, "Content-Type: text/plain\nX-A: \xe9\n\n",
         whole(200, "", plain + "|X-A: \xe9", "")},
        {"a body that begins with empty lines", automatic, "Content-Type: text/plain\n\n\n\nhi",
         whole(200, "", plain, "\n\nhi")},
        {"another header and a body", cgi, "X-A: b\n\nhi", whole(200, "", "X-A: b|" + bytes, "hi")},
        {"another header and no body", cgi, "X-A: b\n\n", whole(200, "", "X-A: b", "", "0")},
        {"status and a body without a type", automatic, "Status: 200 OK\n\nhi", whole(200, "OK", bytes, "hi")},
        {"repeated Set-Cookie", automatic, "Content-Type: text/plain\nSet-Cookie: a\nSet-Cookie: b\nX-R: 1\nX-R: 2\n\n",
         whole(200, "", plain + "|Set-Cookie: a|Set-Cookie: b|X-R: 1|X-R: 2", "")},
        {"NUL in the body", automatic, plain + std::string("\n\na\0b", 5),
         whole(200, "", plain, std::string("a\0b", 3))},
    };
    for (const auto& row : rows) check(row);
}

TEST_CASE("a reply without content has none, whatever is printed", "[contract]") {
    for (const auto* status : {"204 No Content", "304 Not Modified"}) {
        const int number = std::stoi(status);
        check({status, automatic, std::string("Status: ") + status + "\nContent-Type: text/plain\n\nbody",
               whole(number, status + 4, plain, "")});
    }
    check({"205", automatic, "Status: 205 Reset\n\nbody", whole(205, "Reset", "", "", "0")});
    const auto seen = run_reply({}, "Status: 204\nContent-Length: 5\n\nhello", 100);
    CHECK(seen.length.empty());
}

TEST_CASE("fields of the connection and of the platform are not passed on", "[contract]") {
    check({"hop-by-hop", automatic,
           "Content-Type: text/plain\nConnection: close, X-Hop\nTransfer-Encoding: chunked\nKeep-Alive: 5\nTE: "
           "x\nTrailer: T\nUpgrade: h2c\n"
           "Proxy-Connection: x\nX-Hop: 1\nDate: then\nX-Shallop-Invocation-Id: forged\nX-Kept: 1\n\n5\r\nhello\r\n",
           whole(200, "", plain + "|X-Kept: 1", "5\r\nhello\r\n")});
}

TEST_CASE("a promised length is kept", "[contract]") {
    const std::string head = "Content-Type: text/plain\nContent-Length: ";
    check({"exact", automatic, head + "5\n\nhello", whole(200, "", plain, "hello", "5")});
    check({"none", automatic, head + "0\n\n", whole(200, "", plain, "", "0")});
    check({"too large",
           automatic,
           head + "9\n\nhello",
           {"cut", 200, "", plain, "9", "hello", "shorter than its Content-Length"}});
    check({"twice the same", automatic, head + "5\nContent-Length: 5\n\nhello", whole(200, "", plain, "hello", "5")});
    for (const auto* bad : {"abc", "-1", "+5", "5 5", "0x5", "", "99999999999999999999", "5\nContent-Length: 6"}) {
        const auto seen = run_reply({}, head + bad + "\n\nhello", 1);
        INFO(bad);
        CHECK(seen == whole(200, "", plain, "hello"));
    }
}

TEST_CASE("a promised length that is too small is dropped while that can be, else the rest is", "[contract]") {
    const std::string printed = "Content-Type: text/plain\nContent-Length: 2\n\nhello";
    CHECK(run_reply({}, printed, 1000) == whole(200, "", plain, "hello"));
    CHECK(run_reply({}, printed, 1) == whole(200, "", plain, "he", "2"));
    CHECK(run_reply({}, "Status: 200\nContent-Length: 2\n\nhello", 1000) == whole(200, "", bytes, "hello"));
}

TEST_CASE("a HEAD reply has the promised length and no body", "[contract]") {
    ReplyRules head;
    head.head_request = true;
    CHECK(run_reply(head, "Content-Type: text/plain\nContent-Length: 5\n\n", 3) == whole(200, "", plain, "", "5"));
    CHECK(run_reply(head, "Content-Type: text/plain\nContent-Length: 5\n\nhello", 1000) ==
          whole(200, "", plain, "", "5"));
    CHECK(run_reply(head, "Content-Type: text/plain\n\nhello", 3) == whole(200, "", plain, ""));
    CHECK(run_reply(head, "Status: 200\n\nhello", 3) == whole(200, "", "", ""));
    CHECK(run_reply(head, "HTTP/1.1 200 OK\nContent-Length: 5\n\n", 3) == whole(200, "OK", "", "", "5"));
    CHECK(run_reply(head, "just text", 1000) == whole(200, "", utf8, ""));
}

TEST_CASE("redirects are told apart", "[contract]") {
    const Seen local = {"local", 0, "", "", "", "", "/other?q=1"};
    check({"local", automatic, "Location: /other?q=1\n\n", local});
    check({"local, strict", cgi, "location:/other?q=1\r\n\r\n", local});
    check({"local, with a body that nobody reads", automatic, "Location: /other?q=1\n\nbody", local});
    const std::string with_document = "Location: http://e.org/x|" + plain;
    check({"with document", automatic, "Status: 303 See\nLocation: http://e.org/x\n" + plain + "\n\nthere",
           whole(303, "See", with_document, "there")});
    check({"with document and no status", automatic, "Location: http://e.org/x\n" + plain + "\n\nthere",
           whole(302, "", with_document, "there")});
    check({"path and status", automatic, "Status: 301 Moved\nLocation: /x\n\n",
           whole(301, "Moved", "Location: /x", "", "0")});
    check({"path and type", automatic, "Location: /x\n" + plain + "\n\n", whole(302, "", "Location: /x|" + plain, "")});
    check({"not a path of ours", automatic, "Location: //e.org/x\n" + plain + "\n\n",
           whole(302, "", "Location: //e.org/x|" + plain, "")});
    check({"no place", cgi, "Location:\n\n", failed("Location is empty")});
    check({"no URI", cgi, "Location: /a b\n\n", failed("not a URI")});
}

TEST_CASE("a client redirect gets a page of ours", "[contract]") {
    const auto seen = run_reply({}, "Location: http://e.org/?a=1&b=\"<x>\nSet-Cookie: s=1\n\nignored", 1000);
    CHECK(seen.how == "whole");
    CHECK(seen.status == 302);
    CHECK(seen.fields == "Location: http://e.org/?a=1&b=\"<x>|Set-Cookie: s=1|Content-Type: text/html; charset=utf-8");
    CHECK(seen.body.find("href=\"http://e.org/?a=1&amp;b=&quot;&lt;x&gt;\"") != std::string::npos);
    CHECK(seen.length == std::to_string(seen.body.size()));
}

TEST_CASE("output that breaks the rules of CGI is no reply", "[contract]") {
    const std::vector<Row> rows = {
        {"text first", cgi, "hello\n\n", failed("no colon")},
        {"empty line first", cgi, "\nhello", failed("begins without a header")},
        {"no empty line", cgi, "Content-Type: text/plain\n", failed("has no end")},
        {"no empty line, half a line", cgi, "Content-Type: text/plain\nX-A", failed("has no end")},
        {"no empty line, automatic", automatic, "Content-Type: text/plain\n", failed("has no end")},
        {"nothing", cgi, "", failed("empty")},
        {"nothing, nph", nph, "", failed("empty")},
        {"a message", cgi, "HTTP/1.1 299 Odd\n\n", failed("no field name")},
        {"no colon", cgi, "Content-Type: text/plain\nnot a field\n\n", failed("no field name")},
        {"no colon, automatic", automatic, "Content-Type: text/plain\nnofield\n\n", failed("no colon")},
        {"folded", automatic, "Content-Type: text/plain\n folded\n\n", failed("folded")},
        {"folded with a tab", cgi, "X-A: b\n\tfolded\n\n", failed("folded")},
        {"space before the colon", automatic, "Status: 200\nX-A : b\n\n", failed("no field name")},
        {"no name", automatic, "Status: 200\n: b\n\n", failed("no field name")},
        {"lone CR", automatic, "Status: 200\n\rX: y\n\n", failed("CR")},
        {"CR in a value", automatic, "Status: 200\nX-A: a\rSet-Cookie: b\n\n", failed("control")},
        {"NUL in a value", cgi, std::string("X-A: a\0b\n\n", 10), failed("control")},
        {"ESC in a value", cgi, "X-A: \x1b[0m\n\n", failed("control")},
        {"NUL in a name", cgi, std::string("X\0A: b\n\n", 8), failed("no field name")},
        {"status in words", automatic, "Status: abc\nContent-Type: text/plain\n\nx", failed("three digits")},
        {"status of four digits", cgi, "Status: 2000\n\n", failed("three digits")},
        {"status and letters", cgi, "Status: 200OK\n\n", failed("three digits")},
        {"status below", automatic, "Status: 099 x\n\n", failed("not between")},
        {"status above", automatic, "Status: 600 x\n\n", failed("not between")},
        {"interim status", automatic, "Status: 100 Continue\n\n", failed("not between")},
        {"two statuses", automatic, "Status: 200\nStatus: 404\n\n", failed("more than once")},
        {"two types", automatic, "Content-Type: text/html\ncontent-type: text/plain\n\n", failed("more than once")},
        {"two places", automatic, "Location: /a\nLocation: /b\n\n", failed("more than once")},
    };
    for (const auto& row : rows) check(row);
}

TEST_CASE("a header has bounds", "[contract]") {
    const std::string long_value(70'000, 'a');
    check({"bytes", cgi, "X-A: " + long_value + "\n\n", failed("too long")});
    check(
        {"bytes, automatic and surely CGI", automatic, "Status: 200\nX-A: " + long_value + "\n\n", failed("too long")});
    std::string many = "Status: 200\n";
    for (int i = 0; i < 120; ++i) many += "X-A: b\n";
    check({"fields", automatic, many + "\n", failed("more than 100")});
    check({"name", cgi, std::string(300, 'n') + ": x\n\n", failed("name is too long")});
    check({"status line", nph, "HTTP/1.1 200 " + long_value, failed("status line has no end")});
    check({"head of a message", nph, "HTTP/1.1 200 OK\nX-A: " + long_value + "\n\n", failed("head is too long")});
}

TEST_CASE("output of a program that knows nothing of CGI is sent as it is", "[contract]") {
    const std::string prose = "\nHello from Docker!\nThis message shows that …\n";
    const std::string high = "Note: " + std::string(70'000, 'x');
    for (const auto& text : std::vector<std::string>{"hello\n",
                                                     "hello",
                                                     prose,
                                                     "Note: this is prose\nand this no header\n",
                                                     "Note: only prose\n",
                                                     "Note: prose\n\nmore prose\n",
                                                     "Loading: ",
                                                     "Loading",
                                                     "Location: Berlin\nWeather is fine\n",
                                                     "Status: ok\n",
                                                     "HTTP/1.1 is a protocol\n",
                                                     "HTTP",
                                                     "HTTP/1.",
                                                     "HTTP/1.1 2",
                                                     "HTTP/1.1 2000 x",
                                                     "HTTP/2 200 x",
                                                     "{\"a\": 1}\n",
                                                     "X-A: b\n\nnot CGI without a CGI field",
                                                     "\r\n",
                                                     "\n",
                                                     ": x\n",
                                                     " x: y\n",
                                                     "a\rb: c\n",
                                                     "<html>",
                                                     high}) {
        check({text.c_str(), automatic, text, whole(200, "", utf8, text)});
    }
    check({"raw reads nothing", raw, "Content-Type: text/html\n\nhi",
           whole(200, "", utf8, "Content-Type: text/html\n\nhi")});
}

TEST_CASE("a program that prints nothing has an empty reply, where no header is asked for", "[contract]") {
    check({"automatic", automatic, "", whole(200, "", utf8, "", "0")});
    check({"raw", raw, "", whole(200, "", utf8, "", "0")});
}

TEST_CASE("raw output is text when it begins as UTF-8 text", "[contract]") {
    using contract::guess_type;
    for (const auto* text : {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf0\x9f", "\xe2\x82",
                             "\xc3", "a\tb\r\n\f\b\x1b[1m", "\xef\xbf\xbd", "\xed\x9f\xbf"}) {
        INFO(text);
        CHECK(guess_type(text) == "text/plain; charset=utf-8");
    }
    for (const auto& binary : std::vector<std::string>{std::string("a\0b", 3), "\x80", "\xff", "\xc3(", "\xc0\xaf",
                                                       "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5",
                                                       "\x89PNG", "\x1f\x8b", "\xe2\x28", "\x01"}) {
        CHECK(guess_type(binary) == "application/octet-stream");
    }
}

TEST_CASE("the first bytes that cannot be a header are sent at once", "[contract]") {
    using Step = contract::CgiReply::Step;
    for (const auto* first : {"Hello w", "{", "\n", "Note x", "HTTP/2"}) {
        INFO(first);
        contract::CgiReply reply({});
        REQUIRE(reply.next().value() == Step::read);
        reply.feed(std::string_view(first));
        CHECK(reply.next().value() == Step::begin);
        CHECK(reply.next().value() == Step::write);
        CHECK(reply.next().value() == Step::read);
    }
}

TEST_CASE("a header's end is enough to begin", "[contract]") {
    using Step = contract::CgiReply::Step;
    contract::CgiReply reply({});
    REQUIRE(reply.next().value() == Step::read);
    reply.feed(std::string_view("Content-Type: text/plain\n\n"));
    CHECK(reply.next().value() == Step::begin);
    CHECK(reply.next().value() == Step::read);
}

TEST_CASE("a whole HTTP message is taken apart and framed anew", "[contract]") {
    const std::vector<Row> rows = {
        {"odd status", automatic, "HTTP/1.1 299 Odd One\r\nContent-Type: text/plain\r\n\r\nhi",
         whole(299, "Odd One", plain, "hi")},
        {"strict", nph, "HTTP/1.0 200\n\nhi", whole(200, "", "", "hi")},
        {"no fields", automatic, "HTTP/1.1 200 OK\r\n\r\n", whole(200, "OK", "", "")},
        {"length", automatic, "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", whole(200, "OK", "", "hi", "2")},
        {"length and more", nph, "HTTP/1.1 200 OK\nContent-Length: 2\n\nhiHTTP/1.1 200",
         whole(200, "OK", "", "hi", "2")},
        {"length and less",
         nph,
         "HTTP/1.1 200 OK\nContent-Length: 3\n\nhi",
         {"cut", 200, "OK", "", "3", "hi", "shorter"}},
        {"hop-by-hop", nph, "HTTP/1.1 200 OK\nConnection: X-B\nX-B: c\nDate: d\nKeep-Alive: 1\nX-C: d\n\nhi",
         whole(200, "OK", "X-C: d", "hi")},
        {"chunked", nph,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;e=\"x\"\r\nhi\r\nA\r\n0123456789\r\n0\r\nT: "
         "t\r\n\r\nmore",
         whole(200, "OK", "", "hi0123456789")},
        {"chunked with LF", automatic, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
         whole(200, "OK", "", "hi")},
        {"interim heads", automatic,
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi",
         whole(200, "OK", "", "hi")},
        {"no content", nph, "HTTP/1.1 204 None\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
         whole(204, "None", "", "")},
        {"Status is a field like others", nph, "HTTP/1.1 200 OK\nStatus: 404\n\n", whole(200, "OK", "Status: 404", "")},
    };
    for (const auto& row : rows) check(row);
}

TEST_CASE("a broken HTTP message is no reply", "[contract]") {
    const std::string ok = "HTTP/1.1 200 OK\n";
    std::string interims;
    for (int i = 0; i < 20; ++i) interims += "HTTP/1.1 100 Continue\n\n";
    const std::vector<Row> rows = {
        {"not one", nph, "Content-Type: text/plain\n\nhi", failed("status line")},
        {"no end", nph, "HTTP/1.1 200 OK\nX-A: b\n", failed("no end")},
        {"no end of the line", automatic, "HTTP/1.1 200 OK", failed("no end")},
        {"folded", automatic, ok + "X-A: b\n c\n\n", failed("folded")},
        {"control in the reason", automatic, "HTTP/1.1 200 O\x01K\n\n", failed("control")},
        {"CR in the reason", automatic, "HTTP/1.1 200 O\rK\n\n", failed("control")},
        {"status", automatic, "HTTP/1.1 999 No\n\n", failed("not between")},
        {"switching", automatic, "HTTP/1.1 101 Switch\n\n", failed("switches")},
        {"interim for ever", automatic, interims, failed("interim")},
        {"interim only", automatic, "HTTP/1.1 100 Continue\n\n", failed("no end")},
        {"two lengths", nph, ok + "Content-Length: 1\nContent-Length: 2\n\nhi", failed("not one number")},
        {"length in words", nph, ok + "Content-Length: x\n\nhi", failed("not one number")},
        {"length and chunked", nph, ok + "Content-Length: 1\nTransfer-Encoding: chunked\n\n", failed("both")},
        {"another coding", nph, ok + "Transfer-Encoding: gzip, chunked\n\n", failed("not just chunked")},
        {"coding twice", nph, ok + "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n",
         failed("not just chunked")},
    };
    for (const auto& row : rows) check(row);
}

TEST_CASE("a broken chunked body cuts the reply", "[contract]") {
    const std::string head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n";
    const std::pair<std::string, const char*> rows[] = {{"", "no end"},
                                                        {"0\n", "no end"},
                                                        {"x\n", "missing"},
                                                        {"\n", "missing"},
                                                        {"2 ;" + std::string(2000, 'e'), "extensions"},
                                                        {"0\n" + std::string(20'000, 't'), "trailers"},
                                                        {"1000000000000000\n", "too large"},
                                                        {"0x1\n", "not a hexadecimal"},
                                                        {"0\rx", "CR"}};
    for (const auto& [rest, why] : rows) check({why, nph, head + rest, {"cut", 200, "OK", "", "", "hi", why}});
    check({"longer than it says", nph, head + "1\nab\n0\n\n", {"cut", 200, "OK", "", "", "hia", "longer"}});
}

TEST_CASE("a reply over the function's limit is refused or cut", "[contract]") {
    ReplyRules rules;
    rules.body_limit = 4;
    check(
        {"promised", automatic, "Content-Type: text/plain\nContent-Length: 5\n\nhello", failed("limits.response_body")},
        rules);
    check(
        {"fits", automatic, "Content-Type: text/plain\nContent-Length: 4\n\nhell", whole(200, "", plain, "hell", "4")},
        rules);
    check({"fits unpromised", automatic, "Content-Type: text/plain\n\nhell", whole(200, "", plain, "hell")}, rules);
    const auto seen = run_reply(rules, "Content-Type: text/plain\n\nhello", 2);
    CHECK(seen.how == "cut");
    CHECK(seen.body.size() <= 4);
    CHECK(run_reply(rules, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n", 1).how == "cut");
}
