// SPDX-License-Identifier: Apache-2.0
#include "component/contract/fcgi_stage.h"

#include <shallop/async/race.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <list>
#include <set>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* two_workers = "listen = 127.0.0.1:9000\npm = static\npm.max_children = 2";

/// A call whose stderr is kept.
async::Task<base::Result<contract::Outcome>> exchange(FcgiStage& stage, Visit& visit, std::vector<std::string>& lines) {
    contract::Call call{visit.event, visit.body, visit.sink, stage.room.loop.in(10s)};
    call.stderr_line = [&lines](std::string line) { lines.push_back(std::move(line)); };
    co_return co_await stage.driver->exchange(call);
}

}  // namespace

TEST_CASE("php-fpm answers, and one connection with its worker is used again", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"pid.php", "echo getmypid();"}});
    const auto pid = stage.ask("/pid.php");
    CHECK(std::stoi(pid) > 1);
    for (int i = 0; i < 5; ++i) CHECK(stage.ask("/pid.php") == pid);
    CHECK(stage.driver->sound());
}

TEST_CASE("php-fpm may listen on a unix socket", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", "echo 'unix';"}}, "listen = /tmp/fpm.sock\npm = static\npm.max_children = 1");
    stage.function.spec.contract.port = 0;
    stage.function.spec.contract.socket = "/tmp/fpm.sock";
    CHECK(stage.ask("/") == "unix");
    CHECK(stage.ask("/") == "unix");
}

TEST_CASE("the path finds the script, or the front controller", "[contract][fcgi]") {
    const std::string print =
        "echo $_SERVER['SCRIPT_NAME'], ' ', $_SERVER['PATH_INFO'] ?? '(none)', ' ', $_SERVER['SCRIPT_FILENAME'], ' ', "
        "$_SERVER['DOCUMENT_ROOT'], ' ', $_SERVER['QUERY_STRING'];";
    PhpStage stage(Scripts{{"index.php", print}, {"a.php", print}});
    CHECK(stage.ask("/a.php") == "/a.php (none) /tmp/www/a.php /tmp/www ");
    CHECK(stage.ask("/a.php/b/c") == "/a.php /b/c /tmp/www/a.php /tmp/www ");
    CHECK(stage.ask("/") == "/index.php / /tmp/www/index.php /tmp/www ");
    CHECK(stage.ask("/users/7") == "/index.php /users/7 /tmp/www/index.php /tmp/www ");
    auto named = stage.asking("/a.php/x%20y");
    named.event.by_name = true;
    named.event.script_name = "/function/f";
    named.event.query = "q=1&r";
    CHECK(FcgiStage::told(named, stage.run(named)) == "/function/f/a.php /x y /tmp/www/a.php /tmp/www q=1&r");
}

TEST_CASE("a body is passed on in records, and a chunked one with its length", "[contract][fcgi]") {
    PhpStage stage(
        Scripts{{"index.php", "echo $_SERVER['CONTENT_LENGTH'], ' ', md5(file_get_contents('php://input'));"}});
    stage.function.spec.limits.request_body = 64ULL << 20;
    auto small = stage.asking("/");
    small.post("hello");
    CHECK(FcgiStage::told(small, stage.run(small)) == "5 5d41402abc4b2a76b9719d911017c592");
    auto chunked = stage.asking("/");
    chunked.post("hello");
    chunked.event.content_length.reset();
    chunked.event.chunked = true;
    CHECK(FcgiStage::told(chunked, stage.run(chunked)) == "5 5d41402abc4b2a76b9719d911017c592");
    auto large = stage.asking("/");
    large.event.method = "POST";
    large.body.more = *(large.event.content_length = 8'000'000);
    CHECK(FcgiStage::told(large, stage.run(large)).starts_with("8000000 "));
    CHECK(stage.driver->sound());
}

TEST_CASE("a reply streams, whatever its size, and a short one has a length", "[contract][fcgi]") {
    PhpStage stage(
        Scripts{{"short.php", "echo 'short';"},
                {"long.php", "for ($i = 0; $i < 320; $i++) echo str_repeat('x', 100000);"},
                {"slow.php", "echo 'first'; flush(); while (!file_exists('/tmp/go')) usleep(1000); echo ' last';"},
                {"go.php", "touch('/tmp/go');"}});
    auto brief = stage.asking("/short.php");
    CHECK(FcgiStage::told(brief, stage.run(brief)) == "short");
    CHECK(brief.sink.head.content_length == 5);
    auto large = stage.asking("/long.php");
    large.sink.keep = false;
    REQUIRE(ok(stage.run(large)));
    CHECK(large.sink.written == 32'000'000);
    // The first words are the client's before the script is at its end.
    auto slow = stage.asking("/slow.php");
    auto go = stage.asking("/go.php");
    std::optional<base::Result<contract::Outcome>> ended, gone;
    const auto release = [&]() -> async::Task<void> {
        co_await slow.sink.until_written(5);
        const auto deadline = stage.room.loop.in(10s);
        gone = co_await stage.exchange(go, deadline);
    };
    auto running = async::store_result(stage.exchange(slow, stage.room.loop.in(10s)), ended);
    auto releasing = release();
    stage.room.loop.run(async::both(std::move(running), std::move(releasing)));
    REQUIRE((ended && gone));
    CHECK(FcgiStage::told(slow, *ended) == "first last");
}

TEST_CASE("a HEAD gets the head alone, and a status passes", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", "http_response_code(418); header('X-Kettle: yes'); echo 'tea';"}});
    auto one = stage.asking("/");
    one.event.method = "HEAD";
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.head.status == 418);
    CHECK(*base::find_field(one.sink.head.fields, "X-Kettle") == "yes");
    CHECK(one.sink.body.empty());
}

TEST_CASE("a script that is missing is a reply, and PHP says so in the log", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", ""}, {"log.php", "error_log('first'); error_log('second'); echo 'logged';"}});
    REQUIRE(stage.prepare().has_value());
    std::vector<std::string> lines;
    auto missing = stage.asking("/none.php");
    REQUIRE(ok(stage.room.loop.run(exchange(stage, missing, lines))));
    CHECK(missing.sink.head.status == 404);
    CHECK(missing.sink.body == "File not found.\n");
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines.front(), ContainsSubstring("Primary script unknown"));
    lines.clear();
    auto logged = stage.asking("/log.php");
    REQUIRE(ok(stage.room.loop.run(exchange(stage, logged, lines))));
    CHECK(logged.sink.body == "logged");
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines.front(), ContainsSubstring("PHP message: first; PHP message: second"));
}

TEST_CASE("more events at once than there are workers are all answered, though connections are kept",
          "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", "usleep(20000); echo 'done';"}}, two_workers);
    REQUIRE(stage.prepare().has_value());
    std::list<Visit> visits;
    std::list<std::optional<base::Result<contract::Outcome>>> outcomes;
    async::TaskGroup tasks(stage.room.loop.executor(), stage.room.log);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 8; ++i) {
            auto& one = visits.emplace_back(stage.asking("/"));
            auto& outcome = outcomes.emplace_back();
            tasks.spawn("visit", async::store_result(stage.exchange(one, stage.room.loop.in(30s)), outcome));
        }
        stage.room.loop.run(tasks.join());
    }
    for (auto& one : visits) CHECK(one.sink.body == "done");
}

TEST_CASE("an event that waits for the worker of an idle connection gets it", "[contract][fcgi]") {
    // The first one keeps the worker that showed that it listens; the second one gets there only when that is let go.
    PhpStage stage(Scripts{{"index.php", "usleep(30000); echo getmypid();"}},
                   "listen = 127.0.0.1:9000\npm = static\npm.max_children = 1");
    REQUIRE(stage.prepare().has_value());
    auto first = stage.asking("/");
    auto second = stage.asking("/");
    std::optional<base::Result<contract::Outcome>> one, two;
    auto running = async::store_result(stage.exchange(first, stage.room.loop.in(30s)), one);
    auto waiting = async::store_result(stage.exchange(second, stage.room.loop.in(30s)), two);
    stage.room.loop.run(async::both(std::move(running), std::move(waiting)));
    CHECK_FALSE(first.sink.body.empty());
    CHECK(first.sink.body == second.sink.body);
}

TEST_CASE("a worker that has had its requests is followed by another, and no GET is lost", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", "echo getmypid();"}},
                   "listen = 127.0.0.1:9000\npm = static\npm.max_children = 1\npm.max_requests = 3");
    std::set<std::string> pids;
    for (int i = 0; i < 30; ++i) pids.insert(stage.ask("/"));
    CHECK(pids.size() == 10);
    for (const auto& pid : pids) CHECK(std::stoi(pid) > 1);
}

TEST_CASE("a worker that dies while it answers fails its event, and the next one is served", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"kill.php", "exec('kill -9 ' . getmypid());"},
                           {"cut.php", "echo 'begun'; flush(); exec('kill -9 ' . getmypid());"},
                           {"index.php", "echo 'well';"}});
    auto killed = stage.asking("/kill.php");
    killed.post("x");
    CHECK(FcgiStage::told(killed, stage.run(killed)) ==
          "function_failed: the function closed the connection without a reply");
    CHECK(stage.ask("/cut.php") == "begun incomplete: the function broke the connection in the middle of its reply");
    CHECK(stage.ask("/") == "well");
    CHECK(stage.driver->sound());
}

TEST_CASE("a server that dies while it answers is said to have, and its instance is done", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php",
                            "$stat = explode(' ', substr(strrchr(file_get_contents('/proc/self/stat'), ')'), 2));"
                            "exec('kill -9 ' . $stat[1]); sleep(60);"}});
    CHECK(stage.ask("/") == "function_failed: the function's server was killed by signal 9 while it answered");
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("an event that takes longer than its time is told so, and the instance has had its day", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", "sleep(60);"}});
    REQUIRE(stage.prepare().has_value());
    auto one = stage.asking("/");
    const auto outcome = stage.room.loop.run(stage.exchange(one, stage.room.loop.in(300ms)));
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::timed_out);
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a script that goes on after its whole reply keeps its connection to itself", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", "header('Content-Length: 4'); echo 'done'; flush(); sleep(60);"}});
    REQUIRE(stage.prepare().has_value());
    auto one = stage.asking("/");
    const auto outcome = stage.room.loop.run(stage.exchange(one, stage.room.loop.in(500ms)));
    CHECK(FcgiStage::told(one, outcome) == "done");
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a client that hangs up takes nothing with it but its connection", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"slow.php", "echo 'begun'; flush(); sleep(60);"}, {"index.php", "echo 'well';"}});
    REQUIRE(stage.prepare().has_value());
    auto one = stage.asking("/slow.php");
    std::optional<base::Result<contract::Outcome>> outcome;
    auto running = async::store_result(stage.exchange(one, stage.room.loop.in(30s)), outcome);
    auto begun = one.sink.until_written(5);
    stage.room.loop.run(async::race(std::move(running), std::move(begun)));
    CHECK_FALSE(outcome);
    CHECK(stage.ask("/") == "well");
    CHECK(stage.driver->sound());
}

TEST_CASE("fcgiwrap runs CGI programs", "[contract][fcgi]") {
    const std::string script =
        "set -e; mkdir /tmp/www\n"
        "cat >/tmp/www/hello.cgi <<'END'\n#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s %s ' \"$PATH_INFO\" "
        "\"$REQUEST_METHOD\"; cat; echo told "
        ">&2\nEND\n"
        "chmod +x /tmp/www/hello.cgi; exec /usr/sbin/fcgiwrap -f -c 2 -s tcp:127.0.0.1:9000";
    FcgiStage stage(std::vector<std::string>{"sh", "-c", script});
    stage.function.spec.contract.index = "hello.cgi";
    REQUIRE(stage.prepare().has_value());
    for (int i = 0; i < 3; ++i) {
        std::vector<std::string> lines;
        auto one = stage.asking("/hello.cgi/there");
        one.post("body");
        const auto outcome = stage.room.loop.run(exchange(stage, one, lines));
        CHECK(FcgiStage::told(one, outcome) == "/there POST body");
        CHECK(lines == std::vector<std::string>{"told"});
    }
}

TEST_CASE("a FastCGI function gets no code", "[contract][fcgi]") {
    PhpStage stage(Scripts{{"index.php", ""}});
    REQUIRE(stage.prepare().has_value());
    const auto became = stage.room.loop.run(stage.driver->become(stage.function, stage.room.loop.in(10s)));
    REQUIRE_FALSE(became.has_value());
    CHECK(became.error().fault == base::Fault::function_failed);
}
