// SPDX-License-Identifier: Apache-2.0
#include "registry/preconditions.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using registry::check_preconditions;

namespace {

const std::optional<std::string> none;
const std::optional<std::string> current = "abc";

base::Status if_match(const std::string& field, const std::optional<std::string>& now) {
    return check_preconditions({field, std::nullopt}, now);
}

base::Status if_none_match(const std::string& field, const std::optional<std::string>& now) {
    return check_preconditions({std::nullopt, field}, now);
}

bool failed(const base::Status& status) {
    return !status && status.error().fault == Fault::conflict &&
           status.error().pointer == registry::precondition_failed;
}

}  // namespace

TEST_CASE("without a condition every change may go on", "[registry]") {
    CHECK(check_preconditions({}, none));
    CHECK(check_preconditions({}, current));
}

TEST_CASE("If-Match holds where the tag, any of the list, or with * anything is there", "[registry]") {
    for (const auto* field : {"\"abc\"", " \"abc\" ", "\"x\", \"abc\"", "\"x\",,\t\"abc\",", "*", " * "}) {
        CAPTURE(field);
        CHECK(if_match(field, current));
        CHECK(failed(if_match(field, none)));
    }
}

TEST_CASE("If-Match fails on another tag, and on a weak one of the same text", "[registry]") {
    for (const auto* field : {"\"ab\"", "\"abcd\"", "W/\"abc\"", "\"x\", W/\"abc\"", "\"\"", "\"*\""}) {
        CAPTURE(field);
        CHECK(failed(if_match(field, current)));
    }
}

TEST_CASE("If-None-Match holds where nothing matches, weak tags counting as strong", "[registry]") {
    for (const auto* field : {"\"abc\"", "W/\"abc\"", "*", "\"x\", W/\"abc\""}) {
        CAPTURE(field);
        CHECK(failed(if_none_match(field, current)));
        CHECK(if_none_match(field, none));
    }
    CHECK(if_none_match("\"x\", \"y\"", current));
}

TEST_CASE("both conditions have to hold", "[registry]") {
    CHECK(check_preconditions({"\"abc\"", "\"x\""}, current));
    CHECK(failed(check_preconditions({"\"abc\"", "*"}, current)));
    CHECK(failed(check_preconditions({"\"x\"", "\"y\""}, current)));
}

TEST_CASE("a field that is no list of entity tags is refused as such", "[registry]") {
    for (const auto* field : {"", " ", ",", "abc", "\"abc", "abc\"", "W/abc", "w/\"abc\"", "\"abc\" \"x\"", "\"abc\"x",
                              "*, \"abc\"", "\"a b\"", "\"a\x7f\"", "**"}) {
        CAPTURE(field);
        const auto refused = if_match(field, current);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::invalid);
        CHECK(refused.error().detail.find("If-Match") == 0);
        CHECK_FALSE(if_none_match(field, none));
    }
}
