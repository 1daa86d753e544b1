// SPDX-License-Identifier: Apache-2.0
// Bodies in both directions, upgrades, cancellation, and several events at once.
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

/// Reads a body of Content-Length bytes, and answers with it.
const std::string echo =
    "    while True:\n"
    "        data = head(c)\n"
    "        at = data.index(b'\\r\\n\\r\\n')\n"
    "        size = int(data[:at].lower().split(b'content-length:')[1].split()[0])\n"
    "        body = data[at+4:]\n"
    "        while len(body) < size: body += c.recv(65536)\n"
    "        say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nX-Connection: %d\\r\\n\\r\\n' % (size, n)); say(c, "
    "body)\n";

std::string field(const Visit& visit, const char* name) {
    const auto* value = base::find_field(visit.sink.head.fields, name);
    return value == nullptr ? "" : *value;
}

}  // namespace

TEST_CASE("bodies of all sizes go in and come out, over one connection", "[contract][http]") {
    HttpStage stage(echo);
    for (const std::size_t size : {1, 100, 2048, 5000, 65536, 70000, 1 << 20, 3}) {
        INFO(size);
        auto one = stage.visit();
        std::string text(size, ' ');
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
        one.post(text);
        REQUIRE(ok(stage.run(one)));
        CHECK(one.sink.body == text);
        CHECK(field(one, "X-Connection") == "1");
    }
}

TEST_CASE("a chunked body goes in as chunks", "[contract][http]") {
    HttpStage stage(
        "    data = head(c)\n"
        "    while not data.endswith(b'0\\r\\n\\r\\n'): data += c.recv(65536)\n"
        "    ok(c, data.decode())\n");
    auto one = stage.visit();
    one.event.method = "POST";
    one.event.chunked = true;
    one.body.text = "hello";
    REQUIRE(ok(stage.run(one)));
    CHECK_THAT(one.sink.body, ContainsSubstring("Transfer-Encoding: chunked\r\n"));
    CHECK_THAT(one.sink.body, ContainsSubstring("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
}

TEST_CASE("chunks come out as they are sent, and a small chunked reply gets a length", "[contract][http]") {
    HttpStage stage(
        "    for again in range(2):\n"
        "        slow = b'/slow' in head(c)\n"
        "        say(c, 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nTrailer: "
        "X\\r\\n\\r\\n3\\r\\none\\r\\n')\n"
        "        if slow: time.sleep(0.1)\n"
        "        say(c, '3;x=y\\r\\ntwo\\r\\n20000\\r\\n' + 'x' * 0x20000 + '\\r\\n0\\r\\nX: y\\r\\n\\r\\n' if slow "
        "else '0\\r\\n\\r\\n')\n");
    auto slow = stage.visit();
    slow.event.target = "/slow";
    REQUIRE(ok(stage.run(slow)));
    CHECK(slow.sink.body == "onetwo" + std::string(0x20000, 'x'));
    CHECK_FALSE(slow.sink.head.content_length);
    CHECK(field(slow, "Trailer").empty());
    CHECK(stage.get() == "one");
}

TEST_CASE("an event stream reaches the client as it is made", "[contract][http]") {
    HttpStage stage(
        "    head(c)\n"
        "    say(c, 'HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\n')\n"
        "    say(c, 'data: 1\\n\\n')\n"
        "    c.recv(1)\n");
    REQUIRE(ok(stage.prepare()));
    auto one = stage.visit();
    const auto run = [&]() -> async::Task<void> { co_await stage.exchange(one, stage.room.loop.in(30s)); };
    auto running = run();
    auto seen = one.sink.until_written(9);
    stage.room.loop.run(async::race(std::move(running), std::move(seen)), 5s);
    CHECK(one.sink.body == "data: 1\n\n");
    // The client has gone: the connection is closed, and the instance stays.
    CHECK(stage.driver->sound());
}

TEST_CASE("a large reply passes", "[contract][http]") {
    HttpStage stage(
        "    head(c); say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % (64 << 20))\n    say(c, b'x' * "
        "(64 << 20))\n");
    auto one = stage.visit();
    one.sink.keep = false;
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.written == 64 << 20);
}

TEST_CASE("HEAD, 204 and 304 have no body whatever their fields say", "[contract][http]") {
    HttpStage stage(
        "    while True:\n"
        "        data = head(c)\n"
        "        if data.startswith(b'HEAD'): say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: 99\\r\\n\\r\\n')\n"
        "        elif b'/none' in data: say(c, 'HTTP/1.1 204 None\\r\\n\\r\\n')\n"
        "        elif b'/same' in data: say(c, 'HTTP/1.1 304 Same\\r\\nContent-Length: 99\\r\\n\\r\\n')\n"
        "        else: ok(c, 'connection %d' % n)\n");
    auto head = stage.visit();
    head.event.method = "HEAD";
    REQUIRE(ok(stage.run(head)));
    CHECK(head.sink.head.content_length == 99);
    CHECK(stage.get("/none").empty());
    CHECK(stage.get("/same").empty());
    CHECK(stage.get() == "connection 1");
}

TEST_CASE("eight events at once have eight connections, and later ones use them", "[contract][http]") {
    HttpStage stage(
        "    while True:\n"
        "        head(c); time.sleep(0.1); ok(c, str(n))\n");
    REQUIRE(ok(stage.prepare()));
    for (int round = 0; round < 2; ++round) {
        std::vector<std::unique_ptr<Visit>> visits;
        async::TaskGroup group(stage.room.loop.executor(), stage.room.log);
        const auto one = [](HttpStage& on, Visit& visit) -> async::Task<void> {
            const auto outcome = co_await on.exchange(visit, on.room.loop.in(30s));
            CHECK(outcome.has_value());
        };
        for (int i = 0; i < 8; ++i) {
            visits.push_back(std::make_unique<Visit>(stage.room.loop.executor()));
            group.spawn("event", one(stage, *visits.back()));
        }
        stage.room.loop.run(group.join());
        std::string numbers;
        for (const auto& visit : visits) numbers += visit->sink.body;
        std::sort(numbers.begin(), numbers.end());
        CHECK(numbers == "12345678");
    }
}

TEST_CASE("a cancelled event closes its connection, and not the instance", "[contract][http]") {
    HttpStage stage(
        "    if b'/hang' in head(c):\n"
        "        log('closed' if c.recv(1) == b'' else 'more')\n"
        "    else: ok(c, 'well')\n");
    REQUIRE(ok(stage.prepare()));
    auto one = stage.visit();
    one.event.target = "/hang";
    const auto run = [&]() -> async::Task<void> { co_await stage.exchange(one, stage.room.loop.in(30s)); };
    auto running = run();
    auto pause = stage.room.loop.clock().sleep_for(100ms);
    stage.room.loop.run(async::race(std::move(running), std::move(pause)));
    CHECK(stage.get() == "well");
    for (int i = 0; i < 200 && stage.lines.empty(); ++i) stage.room.loop.run(stage.room.loop.clock().sleep_for(10ms));
    REQUIRE(stage.lines.size() == 1);
    CHECK(stage.lines[0] == "closed");
    CHECK(stage.driver->sound());
}

TEST_CASE("a client that is slow with its body does not cost the instance", "[contract][http]") {
    HttpStage stage(echo);
    REQUIRE(ok(stage.prepare()));
    stage.timeout = 200ms;
    auto one = stage.visit();
    one.event.method = "POST";
    one.event.content_length = 10;
    one.body.before_read = [&] { return stage.room.loop.clock().sleep_for(60s); };
    const auto outcome = stage.run(one);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::timed_out);
    CHECK(outcome.error().pointer == "body");
    CHECK(stage.driver->sound());
}

TEST_CASE("a body that the client cannot send is the client's fault", "[contract][http]") {
    HttpStage stage(echo);
    auto one = stage.visit();
    one.event.method = "POST";
    one.event.content_length = 10;
    one.body.text = "half";
    one.body.fault = base::Error(base::Fault::client_gone, "the client hung up");
    const auto outcome = stage.run(one);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::client_gone);
    CHECK(one.sent);
    CHECK(stage.driver->sound());
}

TEST_CASE("an upgraded connection carries raw bytes both ways until one side ends", "[contract][http]") {
    HttpStage stage(
        "    data = head(c)\n"
        "    if b'Connection: upgrade\\r\\nUpgrade: echo\\r\\n' not in data: ok(c, 'no'); return\n"
        "    say(c, 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\nX-A: "
        "b\\r\\n\\r\\nhello,')\n"
        "    while True:\n"
        "        got = c.recv(65536)\n"
        "        if not got: return\n"
        "        c.sendall(got.upper())\n"
        "        if b'.' in got: return\n");
    auto one = stage.visit();
    one.event.fields.push_back({"Connection", "keep-alive, Upgrade"});
    one.event.fields.push_back({"Upgrade", "echo"});
    one.body.text = "abc.";
    int reads = 0;
    // The body's end is not the server's: it waits for more, as a client's open connection would.
    one.body.before_read = [&]() -> async::Task<void> {
        if (++reads > 1) co_await stage.room.loop.clock().sleep_for(60s);
    };
    stage.timeout = 10s;
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.head.status == 101);
    CHECK(field(one, "Upgrade") == "echo");
    CHECK(field(one, "Connection") == "upgrade");
    CHECK(field(one, "X-A") == "b");
    CHECK(one.sink.body == "hello,ABC.");
    CHECK(stage.driver->sound());
}

TEST_CASE("an upgraded connection outlives the deadline", "[contract][http]") {
    HttpStage stage(
        "    head(c)\n"
        "    say(c, 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n')\n"
        "    time.sleep(0.6); say(c, 'late')\n");
    REQUIRE(ok(stage.prepare()));
    stage.timeout = 200ms;
    auto one = stage.visit();
    one.event.fields.push_back({"Connection", "Upgrade"});
    one.event.fields.push_back({"Upgrade", "echo"});
    one.body.before_read = [&] { return stage.room.loop.clock().sleep_for(60s); };
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.body == "late");
    CHECK(stage.driver->sound());
}

TEST_CASE("who asks to upgrade may get an ordinary answer", "[contract][http]") {
    HttpStage stage("    while True:\n        head(c); ok(c, 'connection %d' % n)\n");
    auto one = stage.visit();
    one.event.fields.push_back({"Connection", "Upgrade"});
    one.event.fields.push_back({"Upgrade", "echo"});
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.body == "connection 1");
    CHECK(stage.get() == "connection 1");
}
