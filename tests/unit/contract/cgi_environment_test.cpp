// SPDX-License-Identifier: Apache-2.0
#include "contract/cgi_environment.h"

#include <shallop/contract/faults.h>

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace shallop;
using contract::cgi_environment;

namespace {

struct Case {
    function::Function function;
    function::Event event;
    contract::EnvironmentFacts facts;

    Case() {
        event.id = "01inv";
        event.function = "f";
        event.method = "GET";
        event.target = "/function/f/a%20b?x=%41+1";
        event.script_name = "/function/f";
        event.path_info = "/a%20b";
        event.query = "x=%41+1";
        event.server_name = "example.org";
        event.server_port = 8080;
        event.remote_addr = "192.0.2.7";
        event.remote_port = 4711;
        event.fields = {{"Host", "example.org:8080"}};
        facts.deadline = std::chrono::system_clock::time_point(std::chrono::milliseconds(1234567890123));
    }

    base::Result<std::vector<std::string>> raw() const { return cgi_environment(function, event, facts); }

    std::map<std::string, std::string> get() const {
        std::map<std::string, std::string> result;
        for (const auto& entry : raw().value()) {
            const auto equals = entry.find('=');
            REQUIRE(equals != std::string::npos);
            REQUIRE(result.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second);
        }
        return result;
    }

    std::map<std::string, std::string> with(base::Fields fields) {
        event.fields = std::move(fields);
        return get();
    }
};

bool any_starts_with(const std::map<std::string, std::string>& variables, std::string_view prefix) {
    for (const auto& [name, value] : variables) {
        if (name.starts_with(prefix)) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("a request becomes the variables of RFC 3875", "[contract]") {
    const auto variables = Case().get();
    const std::map<std::string, std::string> expected = {
        {"GATEWAY_INTERFACE", "CGI/1.1"},
        {"SERVER_SOFTWARE", "Shallop/" SHALLOP_VERSION},
        {"SERVER_PROTOCOL", "HTTP/1.1"},
        {"SERVER_NAME", "example.org"},
        {"SERVER_PORT", "8080"},
        {"REQUEST_SCHEME", "http"},
        {"REQUEST_METHOD", "GET"},
        {"REQUEST_URI", "/function/f/a%20b?x=%41+1"},
        {"SCRIPT_NAME", "/function/f"},
        {"PATH_INFO", "/a b"},
        {"QUERY_STRING", "x=%41+1"},
        {"REMOTE_ADDR", "192.0.2.7"},
        {"REMOTE_HOST", "192.0.2.7"},
        {"REMOTE_PORT", "4711"},
        {"REDIRECT_STATUS", "200"},
        {"HTTP_HOST", "example.org:8080"},
        {"SHALLOP_INVOCATION_ID", "01inv"},
        {"SHALLOP_FUNCTION", "f"},
        {"SHALLOP_DEADLINE_MS", "1234567890123"},
    };
    CHECK(variables == expected);
}

TEST_CASE("QUERY_STRING is there when it is empty, PATH_INFO is not", "[contract]") {
    Case c;
    c.event.query = c.event.path_info = c.event.script_name = "";
    const auto variables = c.get();
    CHECK(variables.at("QUERY_STRING").empty());
    CHECK(variables.at("SCRIPT_NAME").empty());
    CHECK(!variables.contains("PATH_INFO"));
}

TEST_CASE("a method keeps its case and TLS is told", "[contract]") {
    Case c;
    c.event.method = "pRoPfInD";
    c.event.scheme = "https";
    CHECK(c.get().at("REQUEST_METHOD") == "pRoPfInD");
    CHECK(c.get().at("HTTPS") == "on");
    CHECK(c.get().at("REQUEST_SCHEME") == "https");
}

TEST_CASE("SERVER_NAME is never empty", "[contract]") {
    Case c;
    c.event.server_name = "";
    c.event.protocol = "HTTP/1.0";
    CHECK(c.get().at("SERVER_NAME") == "localhost");
    CHECK(c.get().at("SERVER_PROTOCOL") == "HTTP/1.0");
}

TEST_CASE("CONTENT_LENGTH is there for a body only, an empty one included", "[contract]") {
    Case c;
    CHECK(!c.get().contains("CONTENT_LENGTH"));
    c.facts.content_length = 0;
    CHECK(c.get().at("CONTENT_LENGTH") == "0");
    c.facts.content_length = 1ULL << 40;
    CHECK(c.get().at("CONTENT_LENGTH") == "1099511627776");
}

TEST_CASE("content fields have names of their own and no twin", "[contract]") {
    Case c;
    CHECK(!c.get().contains("CONTENT_TYPE"));
    c.event.content_length = 3;
    c.facts.content_length = 3;
    const auto variables = c.with({{"content-type", "text/css"}, {"Content-Length", "99"}});
    CHECK(variables.at("CONTENT_TYPE") == "text/css");
    CHECK(variables.at("CONTENT_LENGTH") == "3");
    CHECK(!any_starts_with(variables, "HTTP_CONTENT"));
}

TEST_CASE("header fields become HTTP_ variables", "[contract]") {
    Case c;
    const auto variables = c.with({{"X-Dup", "1"},
                                   {"x-dup", "2"},
                                   {"Cookie", "a=1"},
                                   {"Cookie", "b=2"},
                                   {"Accept", "*/*"},
                                   {"X-Empty", ""},
                                   {"X-Bytes", "caf\xc3\xa9\t!"},
                                   {"Content-Encoding", "gzip"}});
    CHECK(variables.at("HTTP_X_DUP") == "1, 2");
    CHECK(variables.at("HTTP_COOKIE") == "a=1; b=2");
    CHECK(variables.at("HTTP_ACCEPT") == "*/*");
    CHECK(variables.at("HTTP_X_EMPTY").empty());
    CHECK(variables.at("HTTP_X_BYTES") == "caf\xc3\xa9\t!");
    CHECK(variables.at("HTTP_CONTENT_ENCODING") == "gzip");
}

TEST_CASE("what must not be exported is not", "[contract]") {
    const char* const names[] = {"Proxy",
                                 "PROXY",
                                 "Authorization",
                                 "Proxy-Authorization",
                                 "Connection",
                                 "Keep-Alive",
                                 "Proxy-Connection",
                                 "TE",
                                 "Trailer",
                                 "Transfer-Encoding",
                                 "Upgrade",
                                 "Proxy-Authenticate",
                                 "X_Under",
                                 "X.Dot",
                                 "X!",
                                 "X-A_B",
                                 "X-Shallop-Invocation-Id",
                                 "x-shallop-anything",
                                 "Content-Length",
                                 "Content_Length",
                                 "Remote_User",
                                 ""};
    for (const auto* name : names) {
        INFO(name);
        Case c;
        CHECK(!any_starts_with(c.with({{name, "evil"}}), "HTTP_"));
    }
}

TEST_CASE("no client field sets who the user is", "[contract]") {
    Case c;
    const auto variables =
        c.with({{"Remote-User", "root"}, {"Auth-Type", "Basic"}, {"Authorization", "Basic cm9vdDo="}});
    CHECK(!variables.contains("REMOTE_USER"));
    CHECK(!variables.contains("AUTH_TYPE"));
    CHECK(variables.contains("HTTP_REMOTE_USER"));
}

TEST_CASE("fields that Connection names stay on their connection", "[contract]") {
    Case c;
    const auto variables = c.with({{"Connection", "close, X-Hop ,,"},
                                   {"connection", "x-other"},
                                   {"X-Hop", "1"},
                                   {"X-OTHER", "1"},
                                   {"X-Kept", "1"}});
    CHECK(!variables.contains("HTTP_X_HOP"));
    CHECK(!variables.contains("HTTP_X_OTHER"));
    CHECK(variables.contains("HTTP_X_KEPT"));
}

TEST_CASE("credentials reach a function that asks for them", "[contract]") {
    Case c;
    c.function.spec.contract.pass_authorization = true;
    CHECK(c.with({{"Authorization", "Bearer t"}}).at("HTTP_AUTHORIZATION") == "Bearer t");
}

TEST_CASE("a document root gives paths inside the image", "[contract]") {
    Case c;
    CHECK(!c.get().contains("PATH_TRANSLATED"));
    c.function.spec.contract.document_root = "/srv/www/";
    CHECK(c.get().at("DOCUMENT_ROOT") == "/srv/www/");
    CHECK(c.get().at("PATH_TRANSLATED") == "/srv/www/a b");
    CHECK(c.get().at("SCRIPT_FILENAME") == "/srv/www/a b");
    c.function.spec.contract.script = "/srv/app/index.php";
    CHECK(c.get().at("SCRIPT_FILENAME") == "/srv/app/index.php");
    c.event.path_info = "";
    CHECK(!c.get().contains("PATH_TRANSLATED"));
}

TEST_CASE("route parameters are variables", "[contract]") {
    Case c;
    c.event.parameters = {{"id", "4 2"}, {"user-name", "x"}};
    CHECK(c.get().at("SHALLOP_PARAM_ID") == "4 2");
    CHECK(c.get().at("SHALLOP_PARAM_USER_NAME") == "x");
}

TEST_CASE("a path that means two things is refused", "[contract]") {
    const char* const paths[] = {"/a%2Fb", "/a%2fb",  "/a%00",     "/%", "/%4",
                                 "/%zz",   "/a/../b", "/%2e%2e/b", "/.", "/a/%2E"};
    for (const auto* path : paths) {
        INFO(path);
        Case c;
        c.event.path_info = path;
        REQUIRE(c.raw().has_error());
        CHECK(c.raw().error().fault == base::Fault::invalid);
    }
    Case fine;
    fine.event.path_info = "/a..b/...%25/%c3%a9";
    CHECK(fine.get().at("PATH_INFO") == "/a..b/...%/\xc3\xa9");
}

TEST_CASE("a NUL in the head is refused", "[contract]") {
    Case c;
    c.event.fields = {{"X-A", std::string("a\0b", 3)}};
    REQUIRE(c.raw().has_error());
    CHECK(c.raw().error().fault == base::Fault::invalid);
}

TEST_CASE("an environment that no program could get is refused as a head too large", "[contract]") {
    Case c;
    c.event.fields = {{"X-A", std::string(60 * 1024, 'a')}, {"X-B", std::string(60 * 1024, 'b')}};
    CHECK(c.raw().has_value());
    c.event.fields.push_back({"X-C", std::string(20 * 1024, 'c')});
    REQUIRE(c.raw().has_error());
    CHECK(c.raw().error().fault == base::Fault::too_large);
    CHECK(c.raw().error().pointer == contract::head_too_large);
}

TEST_CASE("of contract fcgi a file below the root runs the request", "[contract][fcgi]") {
    Case c;
    auto& contract = c.function.spec.contract;
    contract.kind = function::ContractKind::fcgi;
    contract.root = "/srv/www";
    contract.index = "index.php";
    c.event.by_name = true;
    c.event.path_info = "/a.php/b%20c";
    auto variables = c.get();
    CHECK(variables.at("SCRIPT_NAME") == "/function/f/a.php");
    CHECK(variables.at("SCRIPT_FILENAME") == "/srv/www/a.php");
    CHECK(variables.at("DOCUMENT_ROOT") == "/srv/www");
    CHECK(variables.at("PATH_INFO") == "/b c");
    CHECK(variables.at("PATH_TRANSLATED") == "/srv/www/b c");
    c.event.path_info = "/users";
    variables = c.get();
    CHECK(variables.at("SCRIPT_NAME") == "/function/f/index.php");
    CHECK(variables.at("SCRIPT_FILENAME") == "/srv/www/index.php");
    CHECK(variables.at("PATH_INFO") == "/users");
    // By a route the whole path is the function's own.
    c.event.by_name = false;
    c.event.script_name = "/blog";
    c.event.path_info = "/post.php";
    variables = c.get();
    CHECK(variables.at("SCRIPT_NAME") == "/blog/post.php");
    CHECK(variables.at("SCRIPT_FILENAME") == "/srv/www/blog/post.php");
    CHECK_FALSE(variables.contains("PATH_INFO"));
}

TEST_CASE("no path of contract fcgi leaves the root", "[contract][fcgi]") {
    Case c;
    c.function.spec.contract.kind = function::ContractKind::fcgi;
    c.function.spec.contract.root = "/srv/www";
    c.function.spec.contract.index = "index.php";
    for (const auto* path : {"/../etc/x.php", "/%2e%2e/x.php", "/a/..", "/a%2fb.php", "/a%00.php", "/.", "/%zz"}) {
        CAPTURE(path);
        c.event.path_info = path;
        REQUIRE_FALSE(c.raw().has_value());
        CHECK(c.raw().error().fault == base::Fault::invalid);
    }
}
