// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/schedule.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

using namespace shallop;
using base::Fault;
using nlohmann::json;
using trigger::parse_plan;

namespace {

struct Refusal {
    std::string document, pointer, says;
};

std::string with(const std::string& member) { return R"({"cron":"@hourly",)" + member + "}"; }

trigger::Schedule some_schedule(const std::string& document) {
    trigger::Schedule made;
    made.id = "01j";
    made.function = "report";
    made.plan = parse_plan(document).value();
    made.created = made.updated = made.done = made.anchor =
        std::chrono::sys_days(std::chrono::year(2026) / 3 / 27) + std::chrono::hours(12);
    return made;
}

}  // namespace

TEST_CASE("a schedule has defaults for all but its expression", "[trigger]") {
    const auto plan = parse_plan(R"({"cron":"@hourly"})");
    REQUIRE(plan);
    CHECK(json::parse(trigger::format_plan(*plan)) == json::parse(R"({
        "cron": "@hourly", "time_zone": "UTC", "method": "POST", "path": "/", "headers": {}, "body": null,
        "overlap": "forbid", "catch_up": "one", "catch_up_deadline": "1h", "jitter": "0s", "paused": false})"));
}

TEST_CASE("a plan that is written is read back the same", "[trigger]") {
    const std::string document = R"({
        "cron": "30 2 * * MON", "time_zone": "Europe/Berlin", "method": "PUT", "path": "/run?a=b",
        "headers": {"Content-Type": "application/json", "X-A": "b"}, "body": "{\"x\":1}", "overlap": "replace",
        "catch_up": "all", "catch_up_deadline": "2d", "jitter": "1m30s", "paused": true})";
    const auto text = trigger::format_plan(parse_plan(document).value());
    CHECK(json::parse(text) == json::parse(document));
    CHECK(trigger::format_plan(parse_plan(text).value()) == text);
}

TEST_CASE("a resource that was read can be put back", "[trigger]") {
    const auto one = some_schedule(R"({"cron":"@daily"})");
    const auto again = parse_plan(trigger::format_schedule(one, one.created));
    REQUIRE(again);
    CHECK(trigger::format_plan(*again) == trigger::format_plan(one.plan));
}

TEST_CASE("a resource shows its next five runs, with the offset of the zone", "[trigger]") {
    auto one = some_schedule(R"({"cron":"30 2 * * *","time_zone":"Europe/Berlin"})");
    const auto shown = json::parse(trigger::format_schedule(one, one.created));
    CHECK(shown["next"] == json::parse(R"(["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00", "2026-04-01T02:30:00+02:00"])"));
    CHECK(shown["created"] == "2026-03-27T12:00:00Z");
    CHECK(shown["last"].is_null());
    one.last = trigger::Run{one.created, "inv", "queued"};
    CHECK(json::parse(trigger::format_schedule(one, one.created))["last"] ==
          json::parse(R"({"tick":"2026-03-27T13:00:00+01:00","invocation":"inv","outcome":"queued"})"));
    one.plan.paused = true;
    CHECK(json::parse(trigger::format_schedule(one, one.created))["next"].empty());
}

TEST_CASE("a patch changes what it names and nothing else", "[trigger]") {
    const auto plan = parse_plan(with(R"("headers":{"A":"1","B":"2"},"time_zone":"Asia/Kathmandu")")).value();
    const auto patched = trigger::patch_plan(plan, R"({"headers":{"A":null,"C":"3"},"paused":true})");
    REQUIRE(patched);
    const auto shown = json::parse(trigger::format_plan(*patched));
    CHECK(shown["headers"] == json::parse(R"({"B":"2","C":"3"})"));
    CHECK(shown["time_zone"] == "Asia/Kathmandu");
    CHECK(patched->paused);
    CHECK_FALSE(trigger::patch_plan(plan, R"({"cron":null})"));
    CHECK_FALSE(trigger::patch_plan(plan, R"([])"));
    CHECK(trigger::patch_plan(plan, R"({"cron":"* *"})").error().pointer == "/cron");
}

TEST_CASE("what a schedule may not have is refused at its place", "[trigger]") {
    const std::vector<Refusal> table{
        {"", "", "empty"},
        {"[]", "", "JSON object"},
        {"{}", "/cron", "is missing"},
        {R"({"cron":5})", "/cron", "text"},
        {R"({"cron":"0 0 30 2 *"})", "/cron", "no date ever fits"},
        {with(R"("time_zone":"Mars/Olympus")"), "/time_zone", "no time zone"},
        {with(R"("timezone":"UTC")"), "/timezone", "time_zone"},
        {with(R"("method":"CONNECT")"), "/method", "CONNECT"},
        {with(R"("method":"po st")"), "/method", "upper-case"},
        {with(R"("path":"run")"), "/path", "/healthz"},
        {with(R"("path":"/a/../b")"), "/path", "resolved"},
        {with(R"("path":"/%2E%2e")"), "/path", "resolved"},
        {with(R"("path":"/a/.?x")"), "/path", "resolved"},
        {with(R"("path":"/a%2Fb")"), "/path", "hexadecimal"},
        {with(R"("path":"/a%00")"), "/path", "hexadecimal"},
        {with(R"("path":"/a%2")"), "/path", "hexadecimal"},
        {with(R"("headers":[])"), "/headers", "Content-Type"},
        {with(R"("headers":{"A B":"x"})"), "/headers/A B", "header field"},
        {with(R"("headers":{"Host":"x"})"), "/headers/Host", "connection's"},
        {with(R"("headers":{"Transfer-Encoding":"x"})"), "/headers/Transfer-Encoding", "connection's"},
        {with(R"("headers":{"content-length":"5"})"), "/headers/content-length", "connection's"},
        {with(R"("headers":{"Shallop-Schedule":"x"})"), "/headers/Shallop-Schedule", "platform's"},
        {with(R"("headers":{"X-Shallop-Y":"x"})"), "/headers/X-Shallop-Y", "platform's"},
        {with(R"("headers":{"A":"x\r\nB: y"})"), "/headers/A", "line breaks"},
        {with(R"("headers":{"A":5})"), "/headers/A", "text"},
        {with(R"("headers":{"A":"1","a":"2"})"), "/headers/a", "twice"},
        {with(R"("body":{})"), "/body", "text or null"},
        {with(R"("body":")" + std::string(64 * 1024 + 1, 'x') + "\""), "/body", "at most 64Ki"},
        {with(R"("overlap":"maybe")"), "/overlap", "forbid, allow, replace"},
        {with(R"("catch_up":"two")"), "/catch_up", "none, one, all"},
        {with(R"("catch_up_deadline":"0s")"), "/catch_up_deadline", "from 1s to 7d"},
        {with(R"("catch_up_deadline":"8d")"), "/catch_up_deadline", "from 1s to 7d"},
        {with(R"("jitter":"2h")"), "/jitter", "from 0s to 1h"},
        {with(R"("paused":"yes")"), "/paused", "true or false"},
    };
    for (const auto& row : table) {
        CAPTURE(row.document.substr(0, 100));
        const auto plan = parse_plan(row.document);
        REQUIRE_FALSE(plan);
        const auto error = plan.error();
        CAPTURE(error.detail);
        CHECK(error.fault == Fault::invalid);
        CHECK(error.pointer == row.pointer);
        CHECK(error.detail.find(row.says) != std::string::npos);
    }
    CHECK(parse_plan(std::string(300 * 1024, ' ')).error().fault == Fault::too_large);
}

TEST_CASE("dots and signs that are no segments and no escapes are fine in a path and its query", "[trigger]") {
    for (const auto* path : {"/", "/a.b/..c/d..", "/a%20b%2eC", "/x?to=../y%2Fz&p=%"}) {
        CAPTURE(path);
        CHECK(parse_plan(with(R"("path":")" + std::string(path) + "\"")));
    }
}

TEST_CASE("the event of a tick carries the schedule and its time", "[trigger]") {
    const auto one = some_schedule(
        R"({"cron":"@daily","time_zone":"Europe/Berlin","path":"/a%20b?c=d","headers":{"X":"y"},"body":"hi"})");
    const auto event = trigger::event_of(one, one.created);
    CHECK(event.id.empty());
    CHECK(event.function == "report");
    CHECK(event.method == "POST");
    CHECK(event.target == "/function/report/a%20b?c=d");
    CHECK(event.script_name == "/function/report");
    CHECK(event.path_info == "/a%20b");
    CHECK(event.query == "c=d");
    CHECK(event.by_name);
    CHECK(event.content_length == 2);
    REQUIRE(event.fields.size() == 3);
    CHECK(*base::find_field(event.fields, "X") == "y");
    CHECK(*base::find_field(event.fields, "Shallop-Schedule") == "01j");
    CHECK(*base::find_field(event.fields, "Shallop-Scheduled-Time") == "2026-03-27T13:00:00+01:00");
}
