// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/error.h>
#include <shallop/base/id.h>
#include <shallop/base/log.h>

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>
#include <set>

using namespace shallop::base;

namespace {

std::string logfmt(std::string_view value) {
    std::string line;
    append_logfmt(line, value);
    return line;
}

}  // namespace

TEST_CASE("a value with a newline cannot forge a log line", "[base]") {
    CHECK(logfmt("a\nlevel=info") == R"("a\nlevel=info")");
    CHECK(logfmt("\x1b[2J") == R"("\x1b[2J")");
    CHECK(logfmt("say \"x\" \\") == R"("say \"x\" \\")");
    CHECK(logfmt("plain-word/1") == "plain-word/1");
    CHECK(logfmt("") == R"("")");
}

TEST_CASE("a long value is cut", "[base]") { CHECK(logfmt(std::string(100'000, 'x')).size() < 5000); }

TEST_CASE("a log writes one line a call and nothing below its level", "[base]") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    Log log(ends[1], Level::info);
    log.debug("hidden");
    log.warn("seen", {{"n", 3}, {"who", "a b"}});
    ::close(ends[1]);
    std::string text(4096, '\0');
    text.resize(static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
    ::close(ends[0]);
    CHECK(text.find("hidden") == std::string::npos);
    CHECK(text.ends_with(" level=warn msg=seen n=3 who=\"a b\"\n"));
}

TEST_CASE("ids sort by their time of making and do not repeat", "[base]") {
    RandomIds ids;
    std::set<std::string> seen;
    for (int i = 0; i < 10'000; ++i) seen.insert(ids.next());
    CHECK(seen.size() == 10'000);
    CHECK(seen.begin()->size() == 26);
    CHECK(ids.secret(32).size() == 64);
}

TEST_CASE("every fault has a name of its own", "[base]") {
    std::set<std::string_view> names;
    for (int fault = 0; fault <= static_cast<int>(Fault::internal); ++fault)
        names.insert(name(static_cast<Fault>(fault)));
    CHECK(names.size() == static_cast<std::size_t>(Fault::internal) + 1);
}
