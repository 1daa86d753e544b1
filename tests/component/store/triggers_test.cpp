// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/triggers.h>

#include "component/store/support.h"
#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using test::Opened;
using test::TempDir;

TEST_CASE("triggers, and how far events were read, are there after a restart", "[store]") {
    TempDir dir;
    {
        Opened opened(dir.path());
        store::Triggers triggers(*opened);
        CHECK(opened.run(triggers.load()).value().empty());
        CHECK(opened.run(triggers.seen()).value() == 0);
        REQUIRE(opened.run(triggers.put({"b", R"({"b":1})", "then", 5})));
        REQUIRE(opened.run(triggers.put({"a", R"({"a":1})", "then", 0})));
        REQUIRE(opened.run(triggers.put({"b", R"({"b":2})", "now", 1'763'752'800'123'456'789})));
        REQUIRE(opened.run(triggers.put({"c", "{}", "now", 0})));
        REQUIRE(opened.run(triggers.remove("c")));
        REQUIRE(opened.run(triggers.remove("no such")));
        REQUIRE(opened.run(triggers.note_seen(7)));
        REQUIRE(opened.run(triggers.note_seen(1'763'752'800'123'456'789)));
    }
    Opened opened(dir.path());
    store::Triggers triggers(*opened);
    const auto all = opened.run(triggers.load()).value();
    REQUIRE(all.size() == 2);
    CHECK(all[0].id == "a");
    CHECK(all[1].document == R"({"b":2})");
    CHECK(all[1].created == "now");
    CHECK(all[1].from_nano == 1'763'752'800'123'456'789);
    CHECK(opened.run(triggers.seen()).value() == 1'763'752'800'123'456'789);
}
