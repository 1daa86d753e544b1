// SPDX-License-Identifier: Apache-2.0
#include "source/path.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using source::shown;

namespace {

base::Result<std::string> normal(std::string_view path) { return source::normal_path(path, {}); }

Fault fault(std::string_view path) {
    const auto result = normal(path);
    return result ? Fault::internal : result.error().fault;  // internal: it was taken
}

}  // namespace

TEST_CASE("a path has one spelling", "[source]") {
    CHECK(normal("a/b.py").value() == "a/b.py");
    CHECK(normal("./a//b/./c/").value() == "a/b/c");
    CHECK(normal("./").value().empty());
    CHECK(normal("...").value() == "...");
    CHECK(normal("a..b/.hidden").value() == "a..b/.hidden");
    CHECK(normal("größe/日本.py").value() == "größe/日本.py");
    CHECK(normal("with space").value() == "with space");
}

TEST_CASE("a path that leads out of the tree is refused in every spelling", "[source]") {
    for (const auto* path : {"/etc/passwd", "//etc", "..", "../x", "a/../b", "a/..", "./../x", "a/b/../../../x",
                             "a/./../x", "..\\x", "a\\..\\x", "C:\\x"}) {
        CAPTURE(path);
        CHECK(fault(path) == Fault::invalid);
    }
}

TEST_CASE("a name that is none is refused", "[source]") {
    using namespace std::string_view_literals;
    for (const auto path : {""sv, "a\0b"sv, "a\nb"sv, "\x1b[31m"sv, "a\x7f"sv, "a\xff"sv, "\xc0\xaf"sv,
                            "\xe0\x80\xaf"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv, "\xc2\x9b"sv, "caf\xe9"sv}) {
        CAPTURE(path);
        CHECK(fault(path) == Fault::invalid);
    }
}

TEST_CASE("a path is as long and as deep as the limits say, and no more", "[source]") {
    std::string deep = "f";
    for (int n = 0; n < 31; ++n) deep = "d/" + deep;
    CHECK(normal(deep));
    CHECK(fault("d/" + deep) == Fault::too_large);
    CHECK(normal(std::string(255, 'n')));
    CHECK(fault(std::string(256, 'n')) == Fault::too_large);
    std::string longest;
    for (int n = 0; n < 4; ++n) longest += std::string(204, 'd') + "/";
    longest += std::string(204, 'd');
    CHECK(normal(longest));
    CHECK(fault(longest + "d") == Fault::too_large);
}

TEST_CASE("what strangers say is shown short, in UTF-8, and harmless to a terminal", "[source]") {
    CHECK(shown("main.py") == "'main.py'");
    CHECK(shown("a\x1b[31mb\n") == "'a?[31mb?'");
    CHECK(shown("caf\xe9") == "'caf?'");
    CHECK(shown("日本") == "'日本'");
    CHECK(shown(std::string(100, 'x')) == "'" + std::string(100, 'x') + "'");
    CHECK(shown(std::string(101, 'x')) == "'" + std::string(100, 'x') + "…'");
    // A character is never cut in two.
    CHECK(shown(std::string(99, 'x') + "日") == "'" + std::string(99, 'x') + "…'");
}
