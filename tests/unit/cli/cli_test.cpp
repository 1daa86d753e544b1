// SPDX-License-Identifier: Apache-2.0
#include "support/complaints.h"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <array>
#include <fstream>
#include <map>

#include "cli/complaint.h"
#include "cli/instance_table.h"
#include "cli/print.h"
#include "cli/rest.h"
#include "cli/server.h"
#include "cli/suggest.h"

using namespace shallop;

namespace {

cli::Environment environment(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
        const auto at = variables.find(name);
        return at == variables.end() ? std::nullopt : std::optional(at->second);
    };
}

constexpr auto no_file = "/nonexistent/admin-token";

cli::Result<cli::Server> found(const cli::Globals& globals, std::map<std::string, std::string> variables = {}) {
    return cli::find_server(globals, environment(std::move(variables)), no_file);
}

struct TokenFile {
    explicit TokenFile(const std::string& text) { std::ofstream(path) << text; }
    ~TokenFile() { std::remove(path.c_str()); }
    std::string path = "/tmp/shallop-unit-token-" + std::to_string(::getpid());
};

}  // namespace

TEST_CASE("the flag wins over the variable, the variable over the default", "[cli]") {
    CHECK(found({})->url == "http://127.0.0.1:8081");
    CHECK(found({}, {{"SHALLOP_URL", "http://h:1/"}})->url == "http://h:1");
    CHECK(found({}, {{"SHALLOP_SERVER", "h:1"}})->url == "http://h:1");
    cli::Globals globals;
    globals.url = "http://flag:2";
    CHECK(found(globals, {{"SHALLOP_URL", "http://h:1"}})->url == "http://flag:2");
}

TEST_CASE("a unix socket is an address too", "[cli]") {
    cli::Globals globals;
    globals.url = "unix:/run/admin.sock";
    CHECK(found(globals)->unix_socket == "/run/admin.sock");
    globals.url = "unix:///run/admin.sock";
    CHECK(found(globals)->unix_socket == "/run/admin.sock");
    globals.url = "ftp://h";
    REQUIRE_FALSE(found(globals));
    CHECK(found(globals).error().status == 2);
}

TEST_CASE("a token comes from a file or the environment", "[cli]") {
    const TokenFile file("t0ken\n");
    cli::Globals globals;
    globals.token_file = file.path;
    CHECK(found(globals, {{"SHALLOP_TOKEN", "other"}})->token == "t0ken");
    CHECK(found({}, {{"SHALLOP_TOKEN", "direct"}})->token == "direct");
    CHECK(found({}, {{"SHALLOP_TOKEN_FILE", file.path}})->token == "t0ken");
    CHECK(cli::find_server({}, environment({}), file.path)->token == "t0ken");
    CHECK(found({})->token.empty());
}

TEST_CASE("a token file that was named and cannot be used is a complaint", "[cli]") {
    cli::Globals globals;
    globals.token_file = no_file;
    REQUIRE_FALSE(found(globals));
    CHECK(found(globals).error().what.find(no_file) != std::string::npos);
    const TokenFile file("two\nlines\n");
    globals.token_file = file.path;
    CHECK_FALSE(found(globals));
    CHECK_FALSE(found({}, {{"SHALLOP_TOKEN", "a\r\nX: y"}}));
}

TEST_CASE("the files of TLS come from their flags, then from their variables, and must be there", "[cli]") {
    const TokenFile file("some PEM");
    const auto server = found({}, {{"SHALLOP_CA", file.path}, {"SHALLOP_CERT", file.path}, {"SHALLOP_KEY", file.path}});
    REQUIRE(server);
    CHECK(server->ca == file.path);
    CHECK(server->cert == file.path);
    CHECK(server->key == file.path);
    cli::Globals globals;
    globals.ca = no_file;
    REQUIRE_FALSE(found(globals, {{"SHALLOP_CA", file.path}}));
    CHECK(found(globals).error().what.find(no_file) != std::string::npos);
    CHECK(found(globals).error().todo.find("--ca FILE") != std::string::npos);
    REQUIRE_FALSE(found({}, {{"SHALLOP_KEY", file.path}}));
    CHECK(found({}, {{"SHALLOP_KEY", file.path}}).error().todo.find("--cert FILE") != std::string::npos);
}

TEST_CASE("a refusal is told with its place and with what to do", "[cli]") {
    const auto complaint = cli::complaint_from(
        400, R"({"status":400,"detail":"'x' is not a size","fault":"invalid","pointer":"/limits/memory"})");
    CHECK(complaint.what == "'x' is not a size (at /limits/memory)");
    CHECK_FALSE(complaint.todo.empty());
    CHECK(complaint.status == 1);
}

TEST_CASE("every fault has its advice", "[cli]") {
    for (const auto* fault :
         {"invalid", "unauthorized", "insufficient_scope", "rate_limited", "not_found", "conflict", "too_large",
          "overloaded", "timed_out", "launch_failed", "start_timeout", "function_failed", "out_of_memory",
          "engine_down", "shutting_down", "storage", "internal"}) {
        INFO(fault);
        CHECK_FALSE(cli::complaint_from(500, std::string(R"({"detail":"d","fault":")") + fault + "\"}").todo.empty());
    }
}

TEST_CASE("what is not there, or in the way, is looked at with the command for it", "[cli]") {
    constexpr const char* body = R"({"detail":"d","fault":"conflict"})";
    CHECK(cli::complaint_from(409, body, "/v1/tokens").todo == "see what is there: shallop tokens");
    CHECK(cli::complaint_from(409, body, "/v1/secrets/a?x").todo == "see what is there: shallop secrets");
    CHECK(cli::complaint_from(409, body, "/v1/functions/a").todo == "see what is there: shallop list");
    CHECK(cli::complaint_from(404, R"({"detail":"d","fault":"not_found"})", "/v1/jobs/1").todo ==
          "see what is there: shallop jobs");
}

TEST_CASE("a refusal that may pass is told from one that will not", "[cli]") {
    CHECK(cli::complaint_from(503, R"({"detail":"d","fault":"engine_down"})").passing);
    CHECK(cli::complaint_from(429, R"({"detail":"d","fault":"overloaded"})").passing);
    CHECK_FALSE(cli::complaint_from(400, R"({"detail":"d","fault":"invalid"})").passing);
    CHECK_FALSE(cli::complaint_from(502, "<html>").passing);
}

TEST_CASE("an answer that is no problem document is not taken for one", "[cli]") {
    for (const auto* body : {"", "<html>", "[]", "{}", R"({"fault":5})"}) {
        INFO(body);
        CHECK(cli::complaint_from(502, body).what.find("502") != std::string::npos);
    }
}

TEST_CASE("nothing printed steers a terminal", "[cli]") {
    CHECK(cli::printable("a\x1b[31mb\tc\r\n") == "a\\x1b[31mb\tc\\x0d\\x0a");
    CHECK(cli::printable("grün") == "grün");
    CHECK(cli::printable("a\xc2\x9b"
                         "31mb\x9b\xff\xc3") ==
          "a\\xc2\\x9b"
          "31mb\\x9b\\xff\\xc3");
}

TEST_CASE("a table has columns as wide as their widest cell", "[cli]") {
    CHECK(cli::table({{"NAME", "X"}, {"a", "1"}, {"größer", "2"}}) == "NAME    X\na       1\ngrößer  2\n");
}

TEST_CASE("instances are a row each, and nothing in them steers a terminal", "[cli]") {
    const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'000'000'000));
    const auto instances = nlohmann::ordered_json::parse(R"([
        {"id":"a","state":"leased","version":3,"events":2,"served":41,"since":"2001-09-09T01:46:30.000Z","container":"0123456789abcdef"},
        {"id":"b","state":"la\u001b[2Junching","version":3,"events":0,"served":0,"since":"x","container":null}, 7])");
    CHECK(cli::instance_table(instances, now) ==
          "ID  STATE             VERSION  EVENTS  SERVED  AGE  CONTAINER\n"
          "a   leased            3        2       41      10s  0123456789ab\n"
          "b   la\\x1b[2Junching  3        0       0            -\n");
}

TEST_CASE("an age is told roughly", "[cli]") {
    const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'000'000'000));
    CHECK(cli::age("2001-09-09T01:46:30.123Z", now) == "10s");
    CHECK(cli::age("2001-09-09T01:36:40Z", now) == "10m");
    CHECK(cli::age("2001-09-08T20:46:40Z", now) == "5h");
    CHECK(cli::age("2001-09-01T01:46:40Z", now) == "8d");
    CHECK(cli::age("2002-09-01T01:46:40Z", now) == "0s");
    CHECK(cli::age("soon", now).empty());
}

TEST_CASE("a mistyped command suggests the nearest, and nonsense none", "[cli]") {
    const std::array<std::string, 5> commands{"deploy", "list", "logs", "remove", "version"};
    CHECK(cli::nearest("dploy", commands) == "deploy");
    CHECK(cli::nearest("lst", commands) == "list");
    CHECK(cli::nearest("ver", commands) == "version");
    CHECK(cli::nearest("frobnicate", commands).empty());
}

TEST_CASE("what goes into a path is encoded", "[cli]") {
    CHECK(cli::percent_encoded("a-b.c_d~") == "a-b.c_d~");
    CHECK(cli::percent_encoded("../x?y#z") == "..%2Fx%3Fy%23z");
}
