// SPDX-License-Identifier: Apache-2.0
// Servers that misbehave: the client sees a clean error or a cut, and never a byte of another event's reply.
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

/// Says `bytes` (a Python literal) once for the first connection, and answers well on all others.
std::string first_says(const std::string& bytes) {
    return "    head(c)\n"
           "    if n > 1: ok(c, 'well', 'Connection: close\\r\\n'); return\n"
           "    say(c, " +
           bytes + ")\n";
}

}  // namespace

TEST_CASE("what is no reply is the function's failure, and its connection is not used again", "[contract][http]") {
    const auto [bytes, why] = GENERATE(table<std::string, std::string>({
        {"'SSH-2.0-OpenSSH_9.2\\r\\n'", "no HTTP/1.1 reply"},
        {"'HTTP/1.1 200 OK\\r\\nA: b\\r\\n folded\\r\\n\\r\\n'", "folded"},
        {"'HTTP/1.1 200 OK\\r\\nA: b\\0c\\r\\n\\r\\n'", "control byte"},
        {"'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n'", "both"},
        {"'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nContent-Length: 3\\r\\n\\r\\nabc'", "more than one"},
        {"'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: x\\r\\nConnection: upgrade\\r\\n\\r\\n'", "nobody had asked"},
        {"'HTTP/1.1 100 Continue\\r\\n\\r\\n' * 100000", "interim"},
        {"'HTTP/1.1 200 OK\\r\\n' + 'A: b\\r\\n' * 100000", "fields"},
        {"'HTTP/1.1 200 OK\\r\\nA: ' + 'b' * 1000000", "longer than 65536"},
        {"'HTTP/1.1 200 OK\\nContent-Length: 0\\n\\n'", "LF without CR"},
        {"'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n'", "broken body"},
        {"''", "without a reply"},
        {"'HTTP/1.1 200 OK\\r\\nContent-Le'", "in the middle"},
    }));
    INFO(bytes);
    HttpStage stage(first_says(bytes));
    CHECK_THAT(stage.get(), ContainsSubstring("function_failed: ") && ContainsSubstring(why));
    CHECK(stage.get() == "well");
    CHECK(stage.driver->sound());
}

TEST_CASE("a server that closes three events in a row without a reply gets no further one", "[contract][http]") {
    HttpStage stage("    head(c)\n    if n == 3: ok(c, 'well', 'Connection: close\\r\\n')\n");
    const auto unanswered = [&stage](int events) {
        for (int i = 0; i < events; ++i) CHECK_THAT(stage.get(), ContainsSubstring("without a reply"));
    };
    unanswered(2);
    CHECK(stage.get() == "well");
    unanswered(2);
    CHECK(stage.driver->sound());
    unanswered(1);
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a reply that ends too early is cut, not ended", "[contract][http]") {
    const auto [bytes, why] = GENERATE(table<std::string, std::string>({
        {"'HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf'", "6 bytes before its Content-Length of 10"},
        {"'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n4\\r\\nhalf\\r\\n'", "before its last chunk"},
    }));
    HttpStage stage(first_says(bytes));
    CHECK_THAT(stage.get(), ContainsSubstring("half incomplete: ") && ContainsSubstring(why));
    CHECK(stage.get() == "well");
    CHECK(stage.driver->sound());
}

TEST_CASE("a chunked body that breaks in its middle is cut", "[contract][http]") {
    HttpStage stage(
        "    head(c)\n"
        "    say(c, 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n4\\r\\nhalf\\r\\n')\n"
        "    time.sleep(0.2)\n"
        "    say(c, 'nonsense\\r\\n')\n");
    CHECK_THAT(stage.get(), ContainsSubstring("half incomplete: ") && ContainsSubstring("broken body"));
}

TEST_CASE("bytes after a reply never reach the next event", "[contract][http]") {
    const std::string other = "HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nstolen";
    const auto serve = GENERATE_COPY(
        // With the reply; after it; and as the rest of a body that is longer than it should be.
        std::string("    ok(c, 'first', ''); say(c, '" + other + "')\n"),
        std::string("    ok(c, 'first' + '' if n > 1 else 'first'); time.sleep(0.05); say(c, '" + other + "')\n"),
        std::string("    say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nfirst" + other + "')\n"));
    HttpStage stage("    head(c)\n" + serve + "    time.sleep(5)\n");
    for (int i = 0; i < 3; ++i) {
        CHECK(stage.get() == "first");
        stage.room.loop.run(stage.room.loop.clock().sleep_for(120ms));
    }
}

TEST_CASE("bytes after a reply of a server that has kept its word so far never reach the next event",
          "[contract][http]") {
    const std::string other = "HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nstolen";
    const std::string wrong =
        "say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n' + 'x' * 100000 + '" + other + "')";
    HttpStage stage("    for i in range(1000):\n        got = head(c)\n        if b'/wrong' in got: " + wrong +
                    "\n        else: ok(c, 'fine')\n");
    for (int i = 0; i < 5; ++i) CHECK(stage.get() == "fine");
    for (int i = 0; i < 5; ++i) {
        CHECK(stage.get("/wrong") == std::string(100000, 'x'));
        CHECK(stage.get() == "fine");
    }
}

TEST_CASE("a connection that a server closes when it has rested a while costs no event", "[contract][http]") {
    HttpStage stage(
        "    c.settimeout(0.03)\n    for i in range(1000):\n        head(c)\n        ok(c, 'connection %d' % n)\n");
    for (int i = 0; i < 20; ++i) REQUIRE(stage.get() == "connection 1");
    for (int i = 2; i < 6; ++i) {
        stage.room.loop.run(stage.room.loop.clock().sleep_for(80ms));
        CHECK(stage.get() == "connection " + std::to_string(i));
    }
}

TEST_CASE("a reply without a length ends with its connection", "[contract][http]") {
    HttpStage stage(
        "    head(c)\n    say(c, 'HTTP/1.0 200 OK\\r\\n\\r\\nconnection %d' % n)\n    time.sleep(0.05); say(c, '.')\n");
    CHECK(stage.get() == "connection 1.");
    CHECK(stage.get() == "connection 2.");
}

TEST_CASE("an idle connection that the server has closed is replaced", "[contract][http]") {
    HttpStage stage("    head(c)\n    ok(c, 'connection %d' % n)\n    time.sleep(0.05)\n");
    CHECK(stage.get() == "connection 1");
    stage.room.loop.run(stage.room.loop.clock().sleep_for(200ms));
    CHECK(stage.get() == "connection 2");
}

TEST_CASE("a connection is not used when the server has said that it closes about now", "[contract][http]") {
    HttpStage stage(
        "    while True:\n        head(c)\n        ok(c, 'connection %d' % n, 'Keep-Alive: timeout=1\\r\\n')\n");
    CHECK(stage.get() == "connection 1");
    CHECK(stage.get() == "connection 2");
}

TEST_CASE("a server that asks for the end of its connection gets a new one", "[contract][http]") {
    HttpStage stage("    head(c)\n    ok(c, 'connection %d' % n, 'Connection: close\\r\\n')\n    head(c)\n");
    CHECK(stage.get() == "connection 1");
    CHECK(stage.get() == "connection 2");
}

TEST_CASE("a server that never answers has its time, and is not used again", "[contract][http]") {
    HttpStage stage("    head(c); time.sleep(60)\n");
    REQUIRE(ok(stage.prepare()));
    stage.timeout = 300ms;
    CHECK_THAT(stage.get(), ContainsSubstring("timed_out: the function did not answer"));
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a reply that never ends is cut at the deadline", "[contract][http]") {
    const auto serve =
        GENERATE("    head(c); say(c, 'HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf'); time.sleep(60)\n",
                 "    head(c); say(c, 'HTTP/1.1 200 OK\\r\\n\\r\\n')\n    while True: say(c, 'half' * 9999)\n");
    HttpStage stage(serve);
    REQUIRE(ok(stage.prepare()));
    stage.timeout = 300ms;
    CHECK_THAT(stage.get(), ContainsSubstring("half") && ContainsSubstring("incomplete: the function did not answer"));
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a server that dies while it answers is the function's failure, with its status", "[contract][http]") {
    HttpStage stage("    head(c); print('last words', flush=True); os._exit(3)\n");
    auto one = stage.visit();
    const auto outcome = stage.run(one);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().fault == base::Fault::function_failed);
    CHECK_THAT(outcome.error().detail, ContainsSubstring("exited with status 3"));
    CHECK_THAT(outcome.error().log, ContainsSubstring("last words"));
    CHECK_FALSE(stage.driver->sound());
    CHECK_FALSE(stage.room.channel->is_open());
    auto next = stage.visit();
    CHECK_FALSE(stage.run(next).has_value());
    CHECK_FALSE(next.sent);
}

TEST_CASE("a server that sends garbage twice is not used again", "[contract][http]") {
    HttpStage stage("    head(c); say(c, 'garbage\\r\\n')\n");
    CHECK_THAT(stage.get(), ContainsSubstring("function_failed"));
    CHECK(stage.driver->sound());
    CHECK_THAT(stage.get(), ContainsSubstring("function_failed"));
    CHECK_FALSE(stage.driver->sound());
}

TEST_CASE("a reply longer than its function may send is refused, or cut", "[contract][http]") {
    HttpStage stage(
        "    if b'/length' in head(c): ok(c, 'x' * 2000, 'Connection: close\\r\\n')\n"
        "    else: say(c, 'HTTP/1.1 200 OK\\r\\n\\r\\n' + 'x' * 900); time.sleep(0.1); say(c, 'x' * 1100)\n");
    stage.function.spec.limits.response_body = 1000;
    CHECK_THAT(stage.get("/length"), ContainsSubstring("function_failed") && ContainsSubstring("response_body"));
    CHECK_THAT(stage.get("/open"), ContainsSubstring("incomplete: the reply is longer than limits.response_body"));
}

TEST_CASE("a server that reads nothing of a large body and answers is heard", "[contract][http]") {
    const auto serve = GENERATE(
        "    c.recv(100); say(c, 'HTTP/1.1 413 No\\r\\nContent-Length: 3\\r\\n\\r\\nno!'); time.sleep(0.5)\n",
        "    c.recv(100); say(c, 'HTTP/1.1 413 No\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\nno!')\n"
        "    c.shutdown(socket.SHUT_WR); time.sleep(0.5)\n");
    HttpStage stage(serve);
    auto one = stage.visit();
    one.event.method = "POST";
    one.event.content_length = one.body.more = 64 << 20;
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.head.status == 413);
    CHECK(one.sink.body == "no!");
    CHECK(one.body.read_bytes < (64 << 20));
    auto next = stage.visit();
    REQUIRE(ok(stage.run(next)));
    CHECK(next.sink.body == "no!");
}
