// SPDX-License-Identifier: Apache-2.0
#include "component/contract/http_stage.h"

#include <shallop/async/race.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Answers each request on a connection with which connection and request it was.
const std::string counting =
    "    i = 0\n"
    "    while True:\n"
    "        head(c)\n"
    "        i += 1\n"
    "        ok(c, 'connection %d request %d' % (n, i))\n";

}  // namespace

TEST_CASE("an http function answers, and its connection is used again", "[contract][http]") {
    HttpStage stage(counting);
    CHECK(stage.get() == "connection 1 request 1");
    CHECK(stage.get() == "connection 1 request 2");
    CHECK(stage.driver->sound());
}

TEST_CASE("a server gets the event's head and ours", "[contract][http]") {
    HttpStage stage("    ok(c, head(c).decode())\n");
    auto one = stage.visit();
    one.event.target = "/a?b=c";
    REQUIRE(ok(stage.run(one)));
    CHECK_THAT(one.sink.body, ContainsSubstring("GET /a?b=c HTTP/1.1\r\nHost: f.example\r\n"));
    CHECK_THAT(one.sink.body, ContainsSubstring("\r\nX-Forwarded-For: 192.0.2.1\r\n"));
    CHECK(one.sent);
    CHECK(one.sink.head.status == 200);
    CHECK(one.sink.head.content_length == one.sink.body.size());
}

TEST_CASE("a server is told its port, and what it writes is kept line by line", "[contract][http]") {
    HttpStage stage(
        "    head(c); log('asked'); sys.stderr.write('told\\n'); ok(c, os.environ['PORT'] + os.environ['KEPT'])\n");
    CHECK(stage.get() == "8080by the container");
    for (int i = 0; i < 200 && stage.lines.size() < 2; ++i)
        stage.room.loop.run(stage.room.loop.clock().sleep_for(10ms));
    std::sort(stage.lines.begin(), stage.lines.end());
    CHECK(stage.lines == std::vector<std::string>{"asked", "told"});
}

TEST_CASE("a server may listen on a unix socket", "[contract][http]") {
    HttpStage stage(std::vector<std::string>{
        "python3", "-c",
        "import socket\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('/tmp/fn.sock'); s.listen(8)\n"
        "c, _ = s.accept()\n"
        "while c.recv(65536): c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nunix')\n"});
    stage.function.spec.contract.port = 0;
    stage.function.spec.contract.socket = "/tmp/fn.sock";
    CHECK(stage.get() == "unix");
    CHECK(stage.get() == "unix");
}

TEST_CASE("a server that never listens is late to start, with its last lines for the operator", "[contract][http]") {
    HttpStage stage(std::vector<std::string>{"sh", "-c", "echo looking for a database; sleep 60"});
    stage.start_timeout = 400ms;
    const auto prepared = stage.prepare();
    REQUIRE_FALSE(prepared.has_value());
    CHECK(prepared.error().fault == base::Fault::start_timeout);
    CHECK(prepared.error().pointer == "start");
    CHECK_THAT(prepared.error().detail, ContainsSubstring("does not listen on tcp:127.0.0.1:8080"));
    CHECK_THAT(prepared.error().log, ContainsSubstring("looking for a database"));
}

TEST_CASE("a server that ends before it listens has failed, with its status and its last lines", "[contract][http]") {
    const auto [script, why] = GENERATE(table<std::string, std::string>({
        {"echo no database >&2; exit 7", "exited with status 7 before it listened"},
        {"echo no database >&2; kill -9 $$", "killed by signal 9 before it listened"},
        {"echo no database >&2", "exited with status 0 before it listened"},
    }));
    HttpStage stage(std::vector<std::string>{"sh", "-c", script});
    const auto prepared = stage.prepare();
    REQUIRE_FALSE(prepared.has_value());
    CHECK(prepared.error().fault == base::Fault::function_failed);
    CHECK_THAT(prepared.error().detail, ContainsSubstring(why));
    CHECK_THAT(prepared.error().log, ContainsSubstring("no database"));
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("an image without a command, or with one that is not there, is a launch failure", "[contract][http]") {
    const auto command = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"/no/such/program"});
    HttpStage stage(command);
    const auto prepared = stage.prepare();
    REQUIRE_FALSE(prepared.has_value());
    CHECK(prepared.error().fault == base::Fault::launch_failed);
}

TEST_CASE("a container that ends while its server starts is noticed at once", "[contract][http]") {
    HttpStage stage(std::vector<std::string>{"sleep", "60"});
    const auto close = [&]() -> async::Task<void> {
        co_await stage.room.loop.clock().sleep_for(200ms);
        stage.room.channel->close("the test is tired of it");
        co_await stage.room.loop.clock().sleep_for(60s);
    };
    std::optional<base::Status> prepared;
    const auto prepare = [&]() -> async::Task<void> {
        prepared = co_await stage.driver->prepare(stage.room.loop.in(60s));
    };
    stage.make();
    auto closing = close();
    auto preparing = prepare();
    stage.room.loop.run(async::race(std::move(preparing), std::move(closing)), 10s);
    REQUIRE(prepared);
    CHECK_FALSE(prepared->has_value());
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a server is asked for its ready path until it says yes", "[contract][http]") {
    HttpStage stage(
        "    global asked\n"
        "    while True:\n"
        "        data = head(c)\n"
        "        if b'GET /ready HTTP/1.1\\r\\nHost: localhost\\r\\n' not in data: ok(c, 'asked %d times' % asked); "
        "continue\n"
        "        asked += 1\n"
        "        if asked == 1: say(c, 'HTTP/1.1 503 No\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
        "        elif asked == 2: return\n"
        "        elif asked == 3: say(c, 'garbage\\r\\n'); return\n"
        "        else: say(c, 'HTTP/1.1 302 Yes\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
        "asked = 0\n");
    stage.function.spec.contract.ready_path = "/ready";
    CHECK(stage.get() == "asked 4 times");
    CHECK(stage.driver->sound());
}

TEST_CASE("a server that is never ready is late to start", "[contract][http]") {
    HttpStage stage("    while True:\n        head(c); say(c, 'HTTP/1.1 503 No\\r\\nContent-Length: 0\\r\\n\\r\\n')\n");
    stage.function.spec.contract.ready_path = "/ready";
    stage.start_timeout = 500ms;
    const auto prepared = stage.prepare();
    REQUIRE_FALSE(prepared.has_value());
    CHECK(prepared.error().fault == base::Fault::start_timeout);
    CHECK(prepared.error().pointer == "start");
    CHECK_THAT(prepared.error().detail, ContainsSubstring("GET /ready answered 503"));
}

TEST_CASE("an idle server that ends is not sound, and its channel closes", "[contract][http]") {
    HttpStage stage("    head(c); ok(c, 'last'); os._exit(4)\n");
    CHECK(stage.get() == "last");
    stage.room.loop.run(stage.room.channel->closed(), 10s);
    CHECK_FALSE(stage.driver->sound());
    CHECK_THAT(stage.room.channel->close_reason(), ContainsSubstring("exited with status 4"));
}

TEST_CASE("a server that writes without end is logged within its rate", "[contract][http]") {
    HttpStage stage(
        "    head(c)\n"
        "    for i in range(20000): sys.stdout.write('x' * 99 + '\\n')\n"
        "    sys.stdout.flush(); ok(c, 'done')\n");
    stage.function.spec.limits.log_rate = 1000;
    CHECK(stage.get() == "done");
    CHECK(stage.lines.size() < 200);
}

TEST_CASE("a driver that is destroyed lets go of everything", "[contract][http]") {
    HttpStage stage(counting);
    CHECK(stage.get() == "connection 1 request 1");
    stage.driver.reset();
    for (int i = 0; i < 500 && stage.room.sandbox->population() > 1; ++i)
        stage.room.loop.run(stage.room.loop.clock().sleep_for(10ms));
    CHECK(stage.room.sandbox->population() == 1);
    CHECK(stage.room.channel->is_open());
}
