// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using api::Query;
using std::chrono::system_clock;

namespace {

constexpr auto known = "limit cursor follow since";

Query parsed(std::string_view raw) {
    const auto query = Query::parse(raw, known);
    REQUIRE(query);
    return *query;
}

system_clock::time_point at(std::int64_t seconds) { return system_clock::time_point(std::chrono::seconds(seconds)); }

}  // namespace

TEST_CASE("parameters are decoded", "[api]") {
    const auto query = parsed("limit=5&cursor=a%2Db+c&&follow");
    CHECK(query.text("limit") == "5");
    CHECK(query.text("cursor") == "a-b c");
    CHECK(query.has("follow"));
    CHECK(query.text("since").empty());
    CHECK_FALSE(parsed("").has("limit"));
}

TEST_CASE("an unknown, repeated or malformed parameter is refused by its name", "[api]") {
    for (const auto* raw : {"limt=5", "=5", "limit=5&limit=6", "limit=%", "limit=%4", "limit=%zz", "access_token=x"}) {
        INFO(raw);
        const auto query = Query::parse(raw, known);
        REQUIRE_FALSE(query);
        CHECK(query.error().fault == base::Fault::invalid);
    }
    CHECK(Query::parse("limt=5", known).error().detail.find("limt") != std::string::npos);
    CHECK_FALSE(Query::parse("a=1", ""));
}

TEST_CASE("a count has bounds", "[api]") {
    CHECK(*parsed("").count("limit", 100, 1000) == 100);
    CHECK(*parsed("limit=1000").count("limit", 100, 1000) == 1000);
    for (const auto* raw :
         {"limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=5x", "limit=99999999999999999999"}) {
        INFO(raw);
        CHECK_FALSE(parsed(raw).count("limit", 100, 1000));
    }
}

TEST_CASE("a flag is true by its mere presence", "[api]") {
    CHECK(*parsed("follow").flag("follow"));
    CHECK(*parsed("follow=true").flag("follow"));
    CHECK_FALSE(*parsed("follow=0").flag("follow"));
    CHECK_FALSE(*parsed("").flag("follow"));
    CHECK_FALSE(parsed("follow=maybe").flag("follow"));
}

TEST_CASE("a time is a point or so long ago", "[api]") {
    CHECK(*parsed("since=10m").time("since", at(1000)) == at(400));
    CHECK(*parsed("since=1970-01-01T00:01:00Z").time("since", at(1000)) == at(60));
    CHECK(*parsed("").time("since", at(1000)) == system_clock::time_point{});
    CHECK_FALSE(parsed("since=yesterday").time("since", at(1000)));
}

TEST_CASE("RFC 3339 is read with fraction and offset", "[api]") {
    CHECK(*api::parse_time("2001-09-09T01:46:40Z") == at(1'000'000'000));
    CHECK(*api::parse_time("2001-09-09T03:46:40+02:00") == at(1'000'000'000));
    CHECK(*api::parse_time("2001-09-08t20:16:40-05:30") == at(1'000'000'000));
    CHECK(*api::parse_time("2001-09-09T01:46:40.25Z") - at(1'000'000'000) == std::chrono::milliseconds(250));
    for (const auto* text :
         {"", "2001", "2001-13-01T00:00:00Z", "2001-02-30T00:00:00Z", "2001-09-09T25:00:00Z", "2001-09-09T01:46:40",
          "2001-09-09T01:46:40Zx", "2001-09-09T01:46:40.Z", "2001-09-09T01:46:40+2", "-001-09-09T01:46:40Z"}) {
        INFO(text);
        CHECK_FALSE(api::parse_time(text));
    }
}
