// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using function::parse_resource;
using function::patch_resource;

namespace {

function::Spec current() {
    auto spec =
        parse_resource(R"({"image":"i:1","env":{"A":"1","B":"2"},"user":"5","limits":{"memory":"64Mi","timeout":"5s"},
        "routes":[{"path":"/a"},{"path":"/b"}]})",
                       "f")
            .value();
    const function::ImageFacts image{.id = "x", .cmd = {"sh"}};
    spec.contract = function::decide_contract(spec, image).value();
    return spec;
}

}  // namespace

TEST_CASE("a patch changes what it names and nothing else", "[function]") {
    auto expected = current();
    expected.limits.memory = 128ULL << 20;
    expected.env["A"] = "9";
    CHECK(patch_resource(current(), R"({"limits":{"memory":"128Mi"},"env":{"A":"9"}})").value() == expected);
    CHECK(patch_resource(current(), "{}").value() == current());
}

TEST_CASE("null in a patch brings the default back", "[function]") {
    auto expected = current();
    expected.user.clear();
    expected.env.erase("B");
    expected.limits = {};
    CHECK(patch_resource(current(), R"({"user":null,"env":{"B":null},"limits":null})").value() == expected);
}

TEST_CASE("an array in a patch replaces the whole array", "[function]") {
    const auto spec = patch_resource(current(), R"({"routes":[{"path":"/c"}]})").value();
    REQUIRE(spec.routes.size() == 1);
    CHECK(spec.routes[0].path == "/c");
}

TEST_CASE("a patch may give the contract in each of its spellings", "[function]") {
    CHECK_FALSE(patch_resource(current(), R"({"contract":"cgi"})").value().contract.automatic);
    const auto options = patch_resource(current(), R"({"contract":{"cgi":{"output":"raw"}}})").value().contract;
    CHECK_FALSE(options.automatic);
    CHECK(options.output == function::Output::raw);
    const auto kept = patch_resource(current(), R"({"contract":{"output":"raw"}})").value().contract;
    CHECK(kept.automatic);
    CHECK(kept.output == function::Output::raw);
    auto explicit_one = current();
    explicit_one.contract = options;
    explicit_one.contract.script = "/srv/x";
    const auto merged = patch_resource(explicit_one, R"({"contract":{"cgi":{"output":"cgi"}}})").value().contract;
    CHECK(merged.script == "/srv/x");
    CHECK(merged.output == function::Output::cgi);
    CHECK(patch_resource(explicit_one, R"({"contract":null})").value().contract == function::Contract{});
}

TEST_CASE("a patch that leads to a bad resource is refused as the resource would be", "[function]") {
    const std::vector<std::pair<std::string, std::string>> table{
        {"[]", ""},
        {"7", ""},
        {R"({"image":null})", "/image"},
        {R"({"name":"g"})", "/name"},
        {R"({"limits":{"memory":"1Mi"}})", "/limits/memory"},
        {R"({"limits":{"mem":"64Mi"}})", "/limits/mem"},
        {R"({"env":{"A":{"b":1}}})", "/env/A"},
        {R"({"scale":{"reuse":true}})", "/scale/reuse"},
        {R"({"env":{"A":"1","A":"2"}})", "/env/A"},
    };
    for (const auto& [patch, pointer] : table) {
        CAPTURE(patch);
        const auto spec = patch_resource(current(), patch);
        REQUIRE_FALSE(spec);
        CHECK(spec.error().fault == Fault::invalid);
        CHECK(spec.error().pointer == pointer);
    }
}

TEST_CASE("patches cannot pile up what one document could not hold", "[function]") {
    auto spec = current();
    for (int n = 0; n < 300; ++n) {
        const auto more = patch_resource(spec, R"({"env":{"V)" + std::to_string(n) + R"(":"x"}})");
        if (!more) {
            CHECK(more.error().pointer == "/env");
            return;
        }
        spec = *more;
    }
    FAIL("no limit was reached");
}
