// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation_text.h"

#include "support/complaints.h"

#include <catch2/catch_test_macros.hpp>

#include "cli/print.h"
#include "cli/queued.h"

using namespace shallop;
using Json = nlohmann::ordered_json;

namespace {

const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'000'000'000));

const auto failed =
    Json::parse(R"json({"id":"01B","function":"mail","version":2,"method":"POST","path":"/async-function/mail",
    "status":"failed","fault":"http_500","detail":"the function answered 500 (attempt 2 of 2)","http_status":500,
    "exit_code":null,"received":"2001-09-09T01:46:30.000Z","ended":"2001-09-09T01:46:38.000Z","queued":{
    "origin":"request","attempts":2,"due":null,"ordering_key":"k","callback":null,"kept_until":"2001-09-10T01:46:38.000Z",
    "history":[{"number":1,"started":"2001-09-09T01:46:31.000Z","outcome":"http_503","detail":"busy","counted":false,"log":""},
               {"number":2,"started":"2001-09-09T01:46:35.000Z","outcome":"http_500","detail":null,"counted":true,
                "log":"one\nt\u001b[2Jwo"}],
    "reply":{"status":500,"fields":[],"body":"x","truncated":true}}})json");

}  // namespace

TEST_CASE("invocations are a row each, with what is wrong or when they are due", "[cli]") {
    const auto some = Json::parse(R"([
        {"id":"01C","function":"mail","status":"queued","detail":null,"received":"2001-09-09T01:46:30.000Z",
         "queued":{"attempts":1,"due":"2001-09-09T01:46:45.000Z"}},
        {"id":"01B","function":"mail","status":"failed","detail":"it\u001b[31m broke","received":"2001-09-09T01:36:40.000Z",
         "queued":{"attempts":3,"due":null}},
        {"id":"01A","function":"shop","status":"running","detail":null,"received":"x","queued":null}, 7])");
    CHECK(cli::invocation_table(some, now) ==
          "ID   FUNCTION  STATUS   ATTEMPTS  AGE  REMARK\n"
          "01C  mail      queued   1         10s  due in 5s\n"
          "01B  mail      failed   3         10m  it\\x1b[31m broke\n"
          "01A  shop      running  -              -\n");
}

TEST_CASE("an invocation is told whole, with its attempts and their logs", "[cli]") {
    CHECK(cli::invocation_text(failed, now) ==
          "id          01B\n"
          "function    mail, version 2\n"
          "status      failed\n"
          "reason      the function answered 500 (attempt 2 of 2)\n"
          "request     POST /async-function/mail\n"
          "answered    status 500\n"
          "received    2001-09-09T01:46:30.000Z (10s ago)\n"
          "ended       2001-09-09T01:46:38.000Z (2s ago)\n"
          "origin      request\n"
          "in order of k\n"
          "kept until  2001-09-10T01:46:38.000Z (in 23h)\n"
          "reply       status 500, only its beginning is kept; its body: shallop invocations result 01B\n"
          "attempts\n"
          "  1  2001-09-09T01:46:31.000Z  http_503: busy (not counted)\n"
          "  2  2001-09-09T01:46:35.000Z  http_500\n"
          "      | one\n"
          "      | t\\x1b[2Jwo\n");
}

TEST_CASE("a line says what became of an invocation", "[cli]") {
    CHECK(cli::invocation_line(failed) == "01B failed after 2 attempts: the function answered 500 (attempt 2 of 2)");
    CHECK(cli::invocation_line(Json::parse(R"({"id":"1","status":"succeeded","queued":{"attempts":1}})")) ==
          "1 succeeded after 1 attempt");
    CHECK(cli::invocation_line(Json::parse(R"({"id":"1","status":"queued","queued":{"attempts":0}})")) ==
          "1 is queued");
}

TEST_CASE("what has ended is judged, what has not is said to be under way", "[cli]") {
    CHECK(cli::has_ended(failed));
    CHECK_FALSE(cli::has_ended(Json::parse(R"({"status":"running"})")));
    CHECK_FALSE(cli::has_ended(Json::parse("[]")));
    CHECK(cli::judged(Json::parse(R"({"id":"1","status":"succeeded"})")));
    CHECK(cli::judged(failed).error().todo.find("show 01B") != std::string::npos);
    CHECK(cli::judged(Json::parse(R"({"id":"1","status":"queued"})")).error().passing);
    CHECK(cli::judged(Json::parse(R"({"id":"1","status":"cancelled"})")).error().what.find("been cancelled") !=
          std::string::npos);
}

TEST_CASE("a query names what was given, encoded", "[cli]") {
    CHECK(cli::query_of({{"a", ""}, {"b", ""}}).empty());
    CHECK(cli::query_of({{"a", ""}, {"b", "x&y"}, {"c", "1"}}) == "?b=x%26y&c=1");
}

TEST_CASE("a time to come is told roughly, a past one not", "[cli]") {
    CHECK(cli::ahead("2001-09-09T01:46:45Z", now) == "5s");
    CHECK(cli::ahead("2001-09-09T02:00:00.5Z", now) == "13m");
    CHECK(cli::ahead("2001-09-09T01:46:40Z", now).empty());
    CHECK(cli::ahead("soon", now).empty());
}
