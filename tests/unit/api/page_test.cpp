// SPDX-License-Identifier: Apache-2.0
#include "api/endpoint.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using api::Json;

namespace {

/// What a list of `count` things, named by their numbers, answers to a query that asks for some of them.
Json page(const std::string& query, int count) {
    const auto asked = api::page_of(api::Query::parse(query, "limit cursor").value(), 2).value();
    auto items = Json::array();
    for (int at = 1; at <= count; ++at) {
        const auto id = std::to_string(at);
        if (id > asked.cursor && items.size() < asked.to_fetch()) items.push_back({{"id", id}});
    }
    return Json::parse(api::page_answer("things", std::move(items), asked, "id").body);
}

}  // namespace

TEST_CASE("pages make up the whole list, each element once", "[api]") {
    for (int count = 0; count < 8; ++count) {
        CAPTURE(count);
        int seen = 0;
        std::string cursor;
        do {
            const auto answer = page("limit=3&cursor=" + cursor, count);
            CHECK(answer["things"].size() <= 3);
            for (const auto& thing : answer["things"]) CHECK(thing["id"] == std::to_string(++seen));
            cursor = answer.value("next_cursor", std::string());
        } while (!cursor.empty());
        CHECK(seen == count);
    }
}

TEST_CASE("a full last page names no other", "[api]") {
    CHECK(page("", 2) == Json::parse(R"({"things":[{"id":"1"},{"id":"2"}]})"));
    CHECK(page("", 3) == Json::parse(R"({"things":[{"id":"1"},{"id":"2"}],"next_cursor":"2"})"));
    CHECK(page("", 0) == Json::parse(R"({"things":[]})"));
}

TEST_CASE("a page has 1 to 1,000 elements", "[api]") {
    const auto asked = [](const char* query) {
        return api::page_of(api::Query::parse(query, "limit cursor").value(), 2);
    };
    CHECK(asked("limit=1000"));
    CHECK_FALSE(asked("limit=0"));
    CHECK_FALSE(asked("limit=1001"));
}
