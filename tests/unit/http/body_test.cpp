// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/body.h>

#include "support/feed.h"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

using namespace shallop;
using http::BodyDecoder;
using test::feed;

namespace {

const http::Limits limits;

int chunked_status(std::string_view bytes, const http::Limits& bounds = limits) {
    const auto whole = feed(BodyDecoder::chunked(bounds), bytes);
    const auto drip = feed(BodyDecoder::chunked(bounds), bytes, 1, 1);
    CHECK(whole.refused == drip.refused);
    CHECK(whole.done == drip.done);
    CHECK(whole.body == drip.body);
    return whole.refused != 0 ? whole.refused : whole.done ? 200 : 0;
}

}  // namespace

TEST_CASE("a body of known length ends there", "[http]") {
    CHECK(BodyDecoder().done());
    CHECK(BodyDecoder::fixed(0).done());
    const auto outcome = feed(BodyDecoder::fixed(5), "hello, next request");
    CHECK(outcome.body == "hello");
    CHECK(outcome.consumed == 5);
    CHECK_FALSE(feed(BodyDecoder::fixed(50), "hello").done);
}

TEST_CASE("chunks join, extensions and trailers are dropped", "[http]") {
    const std::string wire =
        "5\r\nhello\r\n2 ; a=b;c=\"x\\\"; y\" ;\td\r\n, \r\nA;x\r\n0123456789\r\n000;last\r\nTrailer: "
        "x\r\nAnother:\r\n\r\nGET /";
    for (const std::size_t piece : {1, 2, 3, 7, 1000}) {
        const auto outcome = feed(BodyDecoder::chunked(limits), wire, piece, 4);
        CHECK(outcome.body == "hello, 0123456789");
        CHECK(outcome.done);
        CHECK(wire.substr(outcome.consumed) == "GET /");
    }
}

TEST_CASE("a chunked body that breaks a rule is refused", "[http]") {
    CHECK(chunked_status("0\r\n\r\n") == 200);
    CHECK(chunked_status("5\r\nhello\r\n") == 0);
    for (const char* wire : {"\r\n",
                             " 5\r\n",
                             "5 \r\n",
                             "5\n",
                             "+5\r\n",
                             "-1\r\n",
                             "0x5\r\n",
                             "1_0\r\n",
                             "g\r\n",
                             "5,\r\n",
                             "5;\r\n",
                             "5;;a\r\n",
                             "5;a=\r\n",
                             "5;=b\r\n",
                             "5;a=\"b\r\n",
                             "5;a b\r\n",
                             "5 a\r\n",
                             "5;bad[=x\r\n",
                             "5;a\rb\r\n",
                             "5;a\nb\r\n",
                             "5\rhello",
                             "5\r\nhello!",
                             "5\r\nhello\n",
                             "5\r\nhello\rx",
                             "5\r\nhello0\r\n",
                             "5\r\nhello!!\r\n0\r\n\r\n",
                             "FFFFFFFFFFFFFFFF0\r\n",
                             "FFFFFFFFFFFFFFFF\r\n",
                             "0\r\nX : a\r\n",
                             "0\r\n X: a\r\n",
                             "0\r\nnocolon\r\n",
                             "0\r\n\n",
                             "0\n\n",
                             "0\r\nX: a\n",
                             "0\r\n\rX",
                             "0\r\n: x\r\n",
                             "1\r\na\r\n0\r\nX: a\r\n folded\r\n"}) {
        INFO(wire);
        CHECK(chunked_status(wire) == 400);
    }
    CHECK(chunked_status(std::string_view("5;\0a\r\n", 6)) == 400);
    CHECK(chunked_status(std::string_view("0\r\nX: \0\r\n", 9)) == 400);
}

TEST_CASE("extensions and trailers have limits over the whole body", "[http]") {
    http::Limits small;
    small.chunk_extensions = 20;
    small.trailers = 30;
    small.fields = 2;
    CHECK(chunked_status("1;" + std::string(19, 'x') + "\r\na\r\n0\r\n\r\n", small) == 200);
    CHECK(chunked_status("1;" + std::string(20, 'x') + "\r\na\r\n", small) == 400);
    CHECK(chunked_status("1;abcdefgh\r\na\r\n1;abcdefgh\r\na\r\n0\r\n\r\n", small) == 200);
    CHECK(chunked_status("1;abcdefgh\r\na\r\n1;abcdefgh\r\na\r\n1;abcdefgh\r\n", small) == 400);
    CHECK(chunked_status("1;" + std::string(100'000, 'x'), small) == 400);
    CHECK(chunked_status("0\r\nA: 1\r\nB: 2\r\n\r\n", small) == 200);
    CHECK(chunked_status("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n", small) == 431);
    CHECK(chunked_status("0\r\nA: " + std::string(100'000, 'x'), small) == 431);
}

TEST_CASE("bytes received in place count as decoded ones", "[http]") {
    char out[8];
    auto decoder = BodyDecoder::chunked(limits);
    decoder.decode("5\r\n", out);
    CHECK(decoder.direct() == 5);
    decoder.advance(5);
    CHECK(decoder.direct() == 0);
    decoder.decode("\r\n0\r\n\r\n", out);
    CHECK(decoder.done());
}

TEST_CASE("what a seeded writer chunks, the decoder joins", "[http]") {
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 500; ++round) {
        std::string body;
        std::string wire;
        for (auto chunks = random() % 5; chunks > 0; --chunks) {
            std::string chunk(1 + random() % 40, '\0');
            for (char& c : chunk) c = static_cast<char>(random());
            char size[32];
            std::snprintf(size, sizeof size, random() % 2 ? "%x" : "00%X", static_cast<unsigned>(chunk.size()));
            wire += std::string(size) + (random() % 3 ? "" : ";a=\"\\\x21\"") + "\r\n" + chunk + "\r\n";
            body += chunk;
        }
        wire += "0\r\n\r\n";
        const auto outcome = feed(BodyDecoder::chunked(limits), wire + "left", 1 + random() % 9, 1 + random() % 9);
        REQUIRE(outcome.done);
        REQUIRE(outcome.body == body);
        REQUIRE(outcome.consumed == wire.size());
    }
}
