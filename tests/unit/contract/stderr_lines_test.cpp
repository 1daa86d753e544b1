// SPDX-License-Identifier: Apache-2.0
#include "contract/stderr_lines.h"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using contract::StderrLines;
using namespace std::chrono_literals;

namespace {

struct Kept {
    explicit Kept(base::Bytes rate) : lines(rate, now, [this](std::string line) { got.push_back(std::move(line)); }) {}
    void feed(const std::string& text) { lines.feed(text, now); }
    void finish() { lines.finish(now); }

    async::Instant now{std::chrono::hours(1)};
    std::vector<std::string> got;
    StderrLines lines;
};

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("stderr becomes lines, however it is cut into pieces", "[contract]") {
    for (const std::size_t piece : {1, 2, 3, 100}) {
        Kept kept(1000);
        std::string text = "one\ntwo\r\n\nthree";
        for (; !text.empty(); text.erase(0, piece)) kept.feed(text.substr(0, piece));
        CHECK(kept.got == Strings{"one", "two", ""});
        kept.finish();
        CHECK(kept.got == Strings{"one", "two", "", "three"});
    }
}

TEST_CASE("a line without an end is given out in pieces", "[contract]") {
    Kept kept(1'000'000);
    kept.feed(std::string(20'000, 'x') + "\n");
    REQUIRE(kept.got.size() == 3);
    CHECK(kept.got[0].size() == StderrLines::longest);
    CHECK(kept.got[0].size() + kept.got[1].size() + kept.got[2].size() == 20'000);
}

TEST_CASE("lines over the rate are counted instead of kept", "[contract]") {
    Kept kept(10);
    kept.feed("12345\n1234\n12\n");
    CHECK(kept.got == Strings{"12345", "[5 bytes of stderr dropped: limits.log_rate]", "12"});
    kept.now += 500ms;
    kept.feed("12345678\n");
    kept.now += 10s;
    kept.feed("123456789\n1\n");
    CHECK(Strings(kept.got.begin() + 3, kept.got.end()) ==
          Strings{"[9 bytes of stderr dropped: limits.log_rate]", "123456789"});
    kept.finish();
    CHECK(kept.got.back() == "[2 bytes of stderr dropped: limits.log_rate]");
}

TEST_CASE("nothing on stderr is nothing in the log", "[contract]") {
    Kept kept(10);
    kept.finish();
    CHECK(kept.got.empty());
}
