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

TEST_CASE("a patch may change the contract to another and back", "[function]") {
    const auto http = patch_resource(current(), R"({"contract":{"http":{"port":9000}}})").value();
    CHECK(http.contract.kind == function::ContractKind::http);
    CHECK(http.contract.port == 9000);
    CHECK_FALSE(http.contract.automatic);
    const auto ready = patch_resource(http, R"({"contract":{"ready_path":"/ok"}})").value().contract;
    CHECK(ready.port == 9000);
    CHECK(ready.ready_path == "/ok");
    CHECK(patch_resource(http, R"({"contract":{"http":{"ready_path":"/ok"}}})").value().contract == ready);
    const auto socket = patch_resource(http, R"({"contract":{"port":"unix:/tmp/s"}})").value().contract;
    CHECK(socket.socket == "/tmp/s");
    CHECK(socket.port == 0);
    const auto cgi = patch_resource(http, R"({"contract":{"kind":"cgi","output":"raw"}})").value().contract;
    CHECK(cgi.kind == function::ContractKind::cgi);
    CHECK(cgi.output == function::Output::raw);
    CHECK(patch_resource(http, R"({"contract":"auto"})").value().contract == function::Contract{});
}

TEST_CASE("a patch may make a FastCGI server of it, and change its folder", "[function]") {
    const auto fcgi = patch_resource(current(), R"({"contract":{"fcgi":{"port":9001}}})").value();
    CHECK(fcgi.contract.kind == function::ContractKind::fcgi);
    CHECK(fcgi.contract.port == 9001);
    const auto rooted = patch_resource(fcgi, R"({"contract":{"root":"/srv"}})").value();
    CHECK(rooted.contract.port == 9001);
    CHECK(rooted.contract.root == "/srv");
    CHECK(patch_resource(fcgi, R"({"contract":{"fcgi":{"root":"/srv"}}})").value().contract == rooted.contract);
    const auto http = patch_resource(rooted, R"({"contract":{"kind":"http","ready_path":"/ok"}})").value().contract;
    CHECK(http.kind == function::ContractKind::http);
    CHECK(http.root.empty());
    auto found = current();
    found.contract = function::decide_contract(found, {.cmd = {"php-fpm"}}).value();
    REQUIRE(found.contract.kind == function::ContractKind::fcgi);
    auto moved = patch_resource(found, R"({"image":"other"})").value();
    CHECK(function::decide_contract(moved, {.cmd = {"x"}, .exposed_ports = {"80/tcp"}}).value().kind ==
          function::ContractKind::http);
}

TEST_CASE("a patch that names a port or a kind decides what was automatic", "[function]") {
    auto spec = current();
    spec.contract = function::decide_contract(spec, {.cmd = {"x"}, .exposed_ports = {"80/tcp"}}).value();
    REQUIRE(spec.contract.kind == function::ContractKind::http);
    CHECK_FALSE(patch_resource(spec, R"({"contract":{"port":81}})").value().contract.automatic);
    CHECK_FALSE(patch_resource(spec, R"({"contract":{"kind":"cgi"}})").value().contract.automatic);
    CHECK(patch_resource(spec, R"({"contract":{"ready_path":"/x"}})").value().contract.automatic);
    CHECK(patch_resource(spec, R"({"user":"6"})").value().contract == spec.contract);
}

TEST_CASE("a port that nobody gave follows a patch of what it was found in", "[function]") {
    auto spec = parse_resource(R"({"image":"i","contract":"http"})", "f").value();
    const function::ImageFacts image{.cmd = {"x"}, .exposed_ports = {"80/tcp"}};
    spec.contract = function::decide_contract(spec, image).value();
    REQUIRE(spec.contract.port == 80);
    const auto patched = patch_resource(spec, R"({"env":{"PORT":"81"}})").value();
    CHECK(function::decide_contract(patched, image).value().port == 81);
    const auto given = patch_resource(spec, R"({"env":{"PORT":"81"},"contract":{"port":82}})").value();
    CHECK(function::decide_contract(given, image).value().port == 82);
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
        {R"({"scale":{"standby":1}})", "/scale/standby"},
        {R"({"scale":{"min":11}})", "/scale/min"},
        {R"({"contract":{"kind":"http","output":"raw"}})", "/contract/output"},
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
