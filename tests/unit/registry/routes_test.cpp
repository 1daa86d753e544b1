// SPDX-License-Identifier: Apache-2.0
#include "registry/routes.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <shallop/function/resource.h>

using namespace shallop;
using base::Fault;
using registry::build_routes;
using registry::check_routes;
using registry::Functions;

namespace {

function::Spec spec_of(const std::string& name, const std::string& routes) {
    return function::parse_resource(R"({"image":"i","routes":)" + routes + "}", name).value();
}

void add(Functions& functions, const std::string& name, const std::string& routes) {
    function::Function function;
    function.spec = spec_of(name, routes);
    functions.emplace(name, std::make_shared<const function::Function>(std::move(function)));
}

std::string owner(const http::Router& router, const std::string& path) {
    std::string allow;
    const auto match = router.find("example.org", "GET", path, allow);
    return match ? match->owner : "none";
}

}  // namespace

TEST_CASE("a path of the gateway's own is refused with its pointer, however it is spelled", "[registry]") {
    for (const auto* path : {"/function/x", "/function", "/function/*", "/async-function/{name}", "/%66unction/x"}) {
        CAPTURE(path);
        const auto refused = check_routes(spec_of("f", std::string(R"([{"path":"/fine"},{"path":")") + path + "\"}]"));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::invalid);
        CHECK(refused.error().pointer == "/routes/1/path");
    }
    CHECK(check_routes(spec_of(
        "f", R"([{"path":"/"},{"path":"/functions"},{"path":"/a/function/x"},{"path":"/healthz"},{"path":"/{a}"}])")));
}

TEST_CASE("a pattern the router cannot read is refused with its pointer", "[registry]") {
    const auto refused = check_routes(spec_of("f", R"([{"path":"/a/{"}])"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::invalid);
    CHECK(refused.error().pointer == "/routes/0/path");
}

TEST_CASE("two functions that want the same route are both named", "[registry]") {
    Functions functions;
    add(functions, "first", R"([{"path":"/same"}])");
    add(functions, "second", R"([{"path":"/same"}])");
    const auto refused = build_routes(functions);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::conflict);
    CHECK(refused.error().pointer.starts_with("/routes"));
    CHECK(refused.error().detail.find("first") != std::string::npos);
    CHECK(refused.error().detail.find("second") != std::string::npos);
}

TEST_CASE("at the start, functions that conflict lose their routes and no other does", "[registry]") {
    Functions functions;
    add(functions, "a", R"([{"path":"/same"},{"path":"/a"}])");
    add(functions, "b", R"([{"path":"/same"},{"path":"/b"}])");
    add(functions, "c", R"([{"path":"/c"}])");
    add(functions, "d", "[]");
    base::Log quiet(-1);
    const auto router = registry::routes_without_conflicts(functions, quiet);
    CHECK(owner(router, "/same") == "a");
    CHECK(owner(router, "/a") == "a");
    CHECK(owner(router, "/b") == "none");
    CHECK(owner(router, "/c") == "c");
}
