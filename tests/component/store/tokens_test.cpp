// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/tokens.h>

#include "component/store/support.h"
#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using test::Opened;
using test::TempDir;

TEST_CASE("tokens are there after a restart, as they were put last", "[store]") {
    TempDir dir;
    {
        Opened opened(dir.path());
        store::Tokens tokens(*opened);
        CHECK(opened.run(tokens.load()).value().empty());
        REQUIRE(opened.run(tokens.put({"ci", "deploy", "aa", "shallop_aaaa", 10, 0})));
        REQUIRE(opened.run(tokens.put({"app", "invoke", "bb", "shallop_bbbb", 20, 1'763'752'800})));
        REQUIRE(opened.run(tokens.put({"ci", "deploy", "cc", "shallop_cccc", 30, 40})));
        REQUIRE(opened.run(tokens.put({"gone", "admin", "dd", "", 1, 2})));
        REQUIRE(opened.run(tokens.remove("gone")));
        REQUIRE(opened.run(tokens.remove("no such")));
    }
    Opened opened(dir.path());
    store::Tokens tokens(*opened);
    const auto all = opened.run(tokens.load()).value();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "app");
    CHECK(all[0].scope == "invoke");
    CHECK(all[0].expires == 1'763'752'800);
    CHECK(all[1].name == "ci");
    CHECK(all[1].hash == "cc");
    CHECK(all[1].hint == "shallop_cccc");
    CHECK(all[1].created == 30);
    CHECK(all[1].expires == 40);
}
