// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/router.h>

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using http::RouteEntry;
using http::Router;

namespace {

RouteEntry route(std::string owner, std::string path, std::vector<std::string> methods = {}, std::string host = "") {
    return {std::move(owner), std::move(path), std::move(methods), std::move(host)};
}

Router build(const std::vector<RouteEntry>& entries) {
    auto router = Router::build(entries);
    REQUIRE(router.has_value());
    return std::move(*router);
}

/// Whose the request is, or the name of the fault.
std::string owner(const Router& router, const std::string& path, const std::string& method = "GET",
                  const std::string& host = "") {
    std::string allow;
    const auto match = router.find(host, method, path, allow);
    return match ? match->owner : std::string(name(match.error().fault));
}

std::string refusal(const std::vector<RouteEntry>& entries) {
    const auto router = Router::build(entries);
    return router
               ? ""
               : std::string(name(router.error().fault)) + " " + router.error().pointer + ": " + router.error().detail;
}

}  // namespace

TEST_CASE("a literal beats a parameter beats a prefix, segment by segment", "[http]") {
    const auto router = build({route("root", "/*"), route("lit", "/a/b"), route("par", "/a/{x}"),
                               route("pre", "/a/{rest...}"), route("deep", "/a/{x}/c"), route("lit2", "/a/b/d")});
    CHECK(owner(router, "/a/b") == "lit");
    CHECK(owner(router, "/a/x") == "par");
    CHECK(owner(router, "/a/b/c") == "deep");
    CHECK(owner(router, "/a/b/d") == "lit2");
    CHECK(owner(router, "/a/b/e") == "pre");
    CHECK(owner(router, "/a") == "pre");
    CHECK(owner(router, "/a/") == "pre");
    CHECK(owner(router, "/") == "root");
    CHECK(owner(router, "/ab") == "root");
}

TEST_CASE("a match says what was matched, left over and captured", "[http]") {
    const auto router =
        build({route("f", "/u/{id}/{rest...}"), route("g", "/r/{id}"), route("h", "/p/*"), route("i", "/")});
    std::string allow;
    const auto f = router.find("", "GET", "/u/a%20b/c/d%2Be/", allow).value();
    CHECK(f.pattern == "/u/{id}/{rest...}");
    CHECK(f.prefix == "/u/a%20b");
    CHECK(f.rest == "/c/d%2Be/");
    CHECK(f.parameters == std::vector<std::pair<std::string, std::string>>{{"id", "a b"}, {"rest", "c/d+e/"}});
    const auto g = router.find("", "GET", "/r/7", allow).value();
    CHECK(g.prefix == "/r/7");
    CHECK(g.rest.empty());
    const auto h = router.find("", "GET", "/p", allow).value();
    CHECK(h.prefix == "/p");
    CHECK(h.rest.empty());
    CHECK(router.find("", "GET", "/p/", allow).value().rest == "/");
    const auto i = router.find("", "GET", "/", allow).value();
    CHECK(i.prefix.empty());
    CHECK(i.rest == "/");
}

TEST_CASE("a match says which of its owner's entries it is", "[http]") {
    const auto router =
        build({route("f", "/a"), route("g", "/b"), route("f", "/c", {"GET"}), route("f", "/c", {"PUT"})});
    std::string allow;
    CHECK(router.find("", "GET", "/a", allow).value().index == 0);
    CHECK(router.find("", "GET", "/b", allow).value().index == 0);
    CHECK(router.find("", "GET", "/c", allow).value().index == 1);
    CHECK(router.find("", "PUT", "/c", allow).value().index == 2);
}

TEST_CASE("a path known for other methods only says which", "[http]") {
    const auto router = build({route("get", "/a", {"GET"}), route("post", "/a", {"POST", "PUT"}),
                               route("other", "/{x}", {"DELETE"}), route("all", "/b"), route("named", "/b", {"GET"})});
    CHECK(owner(router, "/a", "GET") == "get");
    CHECK(owner(router, "/a", "HEAD") == "get");
    CHECK(owner(router, "/a", "PUT") == "post");
    CHECK(owner(router, "/a", "DELETE") == "other");
    CHECK(owner(router, "/b", "GET") == "named");
    CHECK(owner(router, "/b", "HEAD") == "named");
    CHECK(owner(router, "/b", "OPTIONS") == "all");
    std::string allow;
    CHECK(router.find("", "PATCH", "/a", allow).error().fault == Fault::conflict);
    CHECK(allow == "DELETE, GET, HEAD, POST, PUT");
    CHECK(owner(router, "/a", "get") == "conflict");
    CHECK(owner(router, "/a/b") == "not_found");
}

TEST_CASE("an exact host beats a wildcard beats none, in any spelling", "[http]") {
    const auto router =
        build({route("exact", "/a", {}, "api.Example.org."), route("wild", "/a", {}, "*.example.org"),
               route("any", "/a"), route("wild-b", "/b", {}, "*.example.org"), route("six", "/a", {}, "[::1]")});
    CHECK(owner(router, "/a", "GET", "api.example.org") == "exact");
    CHECK(owner(router, "/a", "GET", "API.EXAMPLE.ORG.") == "exact");
    CHECK(owner(router, "/a", "GET", "x.example.org") == "wild");
    CHECK(owner(router, "/a", "GET", "example.org") == "any");
    CHECK(owner(router, "/a", "GET", "x.y.example.org") == "any");
    CHECK(owner(router, "/b", "GET", "api.example.org") == "wild-b");
    CHECK(owner(router, "/b", "GET", "b.org") == "not_found");
    CHECK(owner(router, "/a", "GET", "[::1]") == "six");
    CHECK(owner(build({route("only", "/", {}, "*.a")}), "/", "GET", "b.a") == "only");
}

TEST_CASE("no spelling of a path leads elsewhere", "[http]") {
    const auto router = build({route("fn", "/function/x"), route("slash", "/dir/"), route("par", "/p/{id}"),
                               route("mid", "/p/{id}/end"), route("enc", "/%C3%A4")});
    CHECK(owner(router, "/function/x") == "fn");
    CHECK(owner(router, "/%66unction/%78") == "fn");
    for (const char* path : {"/Function/x", "/function/x/", "//function/x", "/function//x", "/function", "/dir", "/p/",
                             "/p//end", "/p", "/function/x;a"}) {
        INFO(path);
        CHECK(owner(router, path) == "not_found");
    }
    for (const char* path :
         {"/function/./x", "/a/../function/x", "/..", "/.", "/a/%2e%2e/function/x", "/%2E/function/x", "/a/.%2e",
          "/function%2fx", "/function%2Fx", "/p/a%00", "/p/%", "/p/%4", "/p/%zz", "/p/%2", "", "x", "/p/%+1"}) {
        INFO(path);
        CHECK(owner(router, path) == "invalid");
    }
    CHECK(owner(router, "/p/...") == "par");
    CHECK(owner(router, "/p/..a") == "par");
    CHECK(owner(router, "/p/%252e") == "par");
    CHECK(owner(router, "/dir/") == "slash");
    CHECK(owner(router, "/%c3%a4") == "enc");
}

TEST_CASE("two routes that would answer the same requests are refused with both names", "[http]") {
    const auto said = refusal({route("one", "/a/{x}", {"GET", "PUT"}), route("two", "/a/{y}", {"PUT"})});
    CHECK(said.find("conflict /routes/0/path") == 0);
    for (const char* part : {"/a/{x}", "/a/{y}", "\"one\"", "\"two\"", "PUT"}) CHECK(said.find(part) != said.npos);

    CHECK(refusal({route("a", "/x"), route("b", "/%78")}).starts_with("conflict"));
    CHECK(refusal({route("a", "/x/*"), route("b", "/x/{r...}")}).starts_with("conflict"));
    CHECK(refusal({route("a", "/x", {}, "H.org"), route("b", "/x", {}, "h.org.")}).starts_with("conflict"));
    CHECK(refusal({route("a", "/x"), route("a", "/x")}).starts_with("conflict /routes/1/path"));
    CHECK(refusal({route("a", "/x"), route("b", "/x", {"GET"}), route("c", "/x/"), route("d", "/x/*"),
                   route("e", "/x", {}, "h")})
              .empty());
    CHECK(
        refusal({route("a", "/x", {"GET"}), route("b", "/x", {"HEAD"}), route("c", "/{p}"), route("d", "/X")}).empty());
}

TEST_CASE("a bad pattern, host or method is refused where it stands", "[http]") {
    for (const char* pattern :
         {"",      "a",     "a/b",       "/a//b",     "//",       "/{}",         "/{x",  "/x}",
          "/a{x}", "/{x}a", "/{1}",      "/{a b}",    "/{x}/{x}", "/{x}/{x...}", "/*/a", "/{x...}/a",
          "/a*",   "/**",   "/a b",      "/a?b",      "/a#b",     "/%zz",        "/%2F", "/%00",
          "/.",    "/a/..", "/%2e%2E/a", "/\xC3\xA4", "/{...}",   "/{x..}"}) {
        INFO(pattern);
        CHECK(refusal({route("ok", "/ok"), route("f", "/fine"), route("f", pattern)})
                  .starts_with("invalid /routes/1/path"));
        CHECK_FALSE(http::check_pattern(pattern).has_value());
    }
    for (const char* pattern : {"/", "/*", "/{x...}", "/a/", "/{a}/{b}/c/*", "/a.b", "/..a", "/%20"}) {
        INFO(pattern);
        CHECK(http::check_pattern(pattern).has_value());
    }
    std::string deep;
    for (int i = 0; i < 33; ++i) deep += "/a";
    CHECK_FALSE(http::check_pattern(deep).has_value());
    CHECK_FALSE(http::check_pattern("/" + std::string(1024, 'a')).has_value());
    for (const char* host : {"a b", "*", "*.", "a.*.b", "a:80", "a:", "http://a", "*.[::1]", "a/b", "."}) {
        INFO(host);
        CHECK(refusal({route("f", "/a", {}, host)}).starts_with("invalid /routes/0/host"));
    }
    CHECK(refusal({route("f", "/a", {"GET", "P ST"})}).starts_with("invalid /routes/0/methods/1"));
    CHECK(refusal({route("f", "/a", {"CONNECT"})}).starts_with("invalid /routes/0/methods/0"));
}

TEST_CASE("a path deeper than any pattern still meets a prefix", "[http]") {
    std::string deep = "/a";
    for (int i = 0; i < 4000; ++i) deep += "/b";
    const auto router = build({route("pre", "/a/*"), route("par", "/a/{x}/{y}")});
    CHECK(owner(router, deep) == "pre");
    std::string limit;
    for (int i = 0; i < 32; ++i) limit += "/s";
    const auto longest = build({route("longest", limit)});
    CHECK(owner(longest, limit) == "longest");
    CHECK(owner(longest, limit + "/s") == "not_found");
}

TEST_CASE("an empty table finds nothing", "[http]") { CHECK(owner(Router(), "/") == "not_found"); }
