// SPDX-License-Identifier: Apache-2.0
#include "api/routing.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using api::Scope;
using base::Fault;

namespace {

/// A catalog of "hello", without routes, and "greedy", which claims every path.
registry::Catalog catalog() {
    registry::Catalog made;
    for (const auto* name : {"hello", "greedy"}) {
        auto function = std::make_shared<function::Function>();
        function->spec.name = name;
        made.functions.emplace(name, function);
    }
    made.routes =
        *http::Router::build({{"greedy", "/{rest...}", {}, ""}, {"hello", "/only/{id}", {"POST"}, "a.example"}});
    return made;
}

http::Request get(std::string path) {
    http::Request request;
    request.method = "GET";
    request.target = request.path = std::move(path);
    request.host = "example.org";
    return request;
}

base::Result<api::Destination> find(const http::Request& request, Scope scope = Scope::everything) {
    std::string allow;
    return api::find_destination(catalog(), scope, request, allow);
}

function::Event event_from(http::Request request, api::Destination destination, bool keep_authorization) {
    function::Event event;
    api::make_event(event, request, std::move(destination), "f", keep_authorization);
    return event;
}

std::string leads_to(const std::string& path, Scope scope = Scope::everything) {
    const auto found = find(get(path), scope);
    return found ? found->function->spec.name : std::string(base::name(found.error().fault));
}

bool has(const function::Event& event, std::string_view name) {
    return base::find_field(event.fields, name) != nullptr;
}

}  // namespace

TEST_CASE("the path of a function splits into SCRIPT_NAME and PATH_INFO", "[api]") {
    const auto found = find(get("/function/hello/a%20b/c"));
    REQUIRE(found);
    CHECK(found->script_name == "/function/hello");
    CHECK(found->path_info == "/a%20b/c");
    CHECK(find(get("/function/hello"))->path_info.empty());
    CHECK(find(get("/function/hello/"))->path_info == "/");
}

TEST_CASE("no route shadows /function/NAME, however it is spelled", "[api]") {
    CHECK(leads_to("/function/hello") == "hello");
    CHECK(leads_to("/%66unction/hello") == "hello");
    CHECK(leads_to("/function/%68ello/x") == "hello");
    CHECK(find(get("/%66unction/%68ello/x"))->path_info == "/x");
}

TEST_CASE("a path below /function that names no function goes to no route", "[api]") {
    for (const auto* path :
         {"/function", "/function/", "/function/none", "/function//hello", "/%66unction", "/function/Hello"}) {
        INFO(path);
        CHECK(leads_to(path) == "not_found");
    }
}

TEST_CASE("dot segments, encoded slashes and NULs are refused", "[api]") {
    for (const auto* path :
         {"/function/hello/../x", "/function/hello/%2e%2e/x", "/function/./hello", "/function/hello%2fx",
          "/function/hello/%00", "/function/hello/%zz", "/function/hello/.."}) {
        INFO(path);
        CHECK(leads_to(path) == "invalid");
    }
}

TEST_CASE("other paths go to the functions' routes", "[api]") {
    CHECK(leads_to("/anything/else") == "greedy");
    CHECK(leads_to("/functions/hello") == "greedy");
    auto request = get("/only/7");
    request.method = "POST";
    request.host = "a.example";
    const auto found = find(request);
    REQUIRE(found);
    CHECK(found->function->spec.name == "hello");
    REQUIRE(found->parameters.size() == 1);
    CHECK(found->parameters[0].second == "7");
}

TEST_CASE("the admin listener serves /function/ and no route", "[api]") {
    CHECK(leads_to("/function/hello", Scope::function_paths) == "hello");
    CHECK(leads_to("/anything/else", Scope::function_paths) == "not_found");
}

TEST_CASE("a client cannot say what only the platform says", "[api]") {
    auto request = get("/function/hello");
    request.fields = {{"X-Shallop-Invocation-Id", "forged"},
                      {"x_shallop_function", "forged"},
                      {"Shallop-Schedule", "forged"},
                      {"shallop_scheduled_time", "forged"},
                      {"X-Shallop", "mine"},
                      {"X-Forwarded-For", "10.0.0.1"},
                      {"Authorization", "Basic x"}};
    const auto found = find(request);
    const auto event = event_from(request, *found, true);
    CHECK_FALSE(has(event, "X-Shallop-Invocation-Id"));
    CHECK_FALSE(has(event, "x_shallop_function"));
    CHECK_FALSE(has(event, "Shallop-Schedule"));
    CHECK_FALSE(has(event, "shallop_scheduled_time"));
    CHECK(has(event, "X-Forwarded-For"));
    CHECK(has(event, "Authorization"));
    CHECK_FALSE(has(event_from(request, *found, false), "Authorization"));
}

TEST_CASE("an event says of the request what CGI wants to know", "[api]") {
    auto request = get("/function/hello/x");
    request.query = "a=1";
    request.version = 10;
    request.local_port = 8080;
    request.remote_addr = "10.1.2.3";
    request.content_length = 5;
    const auto event = event_from(request, *find(request), true);
    CHECK(event.function == "f");
    CHECK(event.query == "a=1");
    CHECK(event.protocol == "HTTP/1.0");
    CHECK(event.server_name == "example.org");
    CHECK(event.server_port == 8080);
    CHECK(event.scheme == "http");
    CHECK(event.remote_addr == "10.1.2.3");
    CHECK(event.has_body());
    CHECK(event.script_name + event.path_info == request.path);
}

TEST_CASE("a local redirect is a GET of the new path without the body", "[api]") {
    auto request = get("/function/hello?old=1");
    request.method = "POST";
    request.content_length = 10;
    request.fields = {{"Content-Type", "text/plain"}, {"Content-Length", "10"}, {"Cookie", "a=b"}};
    const auto next = api::redirected(request, "/function/other/x?y=z");
    REQUIRE(next);
    CHECK(next->method == "GET");
    CHECK(next->path == "/function/other/x");
    CHECK(next->query == "y=z");
    CHECK(next->target == "/function/other/x?y=z");
    CHECK_FALSE(next->content_length);
    REQUIRE(next->fields.size() == 1);
    CHECK(next->fields[0].name == "Cookie");
    CHECK(api::redirected(request, "/x")->query.empty());
}

TEST_CASE("a local redirect to what is no path is the function's failure", "[api]") {
    for (const auto& location : {std::string("relative"), std::string(), std::string("/a b"), std::string("/a#b"),
                                 std::string("/a\r\nX: y"), "/" + std::string(9000, 'a')}) {
        INFO(location.substr(0, 20));
        const auto next = api::redirected(get("/"), location);
        REQUIRE_FALSE(next);
        CHECK(next.error().fault == Fault::function_failed);
    }
}

TEST_CASE("an event that is used again has the scheme of its own request", "[api]") {
    function::Event event;
    for (const bool tls : {true, false, true}) {
        http::Request request;
        request.tls = tls;
        api::make_event(event, request, {}, "f", false);
        CHECK(event.scheme == (tls ? "https" : "http"));
    }
}
