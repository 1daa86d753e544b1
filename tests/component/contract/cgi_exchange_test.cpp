// SPDX-License-Identifier: Apache-2.0
#include "component/contract/stage.h"

#include <shallop/async/race.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string head = "printf 'Content-Type: text/plain\\n\\n'; ";

std::string type_of(const Sink& sink) {
    const auto* type = base::find_field(sink.head.fields, "Content-Type");
    return type == nullptr ? "" : *type;
}

}  // namespace

TEST_CASE("an event goes in and a reply comes out", "[contract]") {
    Stage stage(
        "read word; printf 'Status: 201 Made\\nContent-Type: text/css\\n\\n'; echo $REQUEST_METHOD $CONTENT_LENGTH "
        "$word $KEPT; exit 3");
    stage.post("hello\n");
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(stage.sink.head.status == 201);
    CHECK(stage.sink.head.reason == "Made");
    CHECK(type_of(stage.sink) == "text/css");
    CHECK(stage.sink.body == "POST 6 hello by the container\n");
    CHECK(outcome->exit_code == 3);
    CHECK(outcome->max_rss > 0);
    CHECK_FALSE(outcome->reply_incomplete);
    CHECK(stage.started);
}

TEST_CASE("a command that knows nothing of CGI answers", "[contract]") {
    Stage stage(std::vector<std::string>{"wc", "-w"});
    stage.post("three small words\n");
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(stage.sink.head.status == 200);
    CHECK(type_of(stage.sink) == "text/plain; charset=utf-8");
    CHECK(stage.sink.body == "3\n");
    CHECK(outcome->exit_code == 0);
}

TEST_CASE("a program without a body reads the end at once", "[contract]") {
    Stage stage(head + "cat; echo end $CONTENT_LENGTH.");
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "end .\n");
}

TEST_CASE("large bodies pass in both directions at once", "[contract]") {
    Stage stage(head + "exec cat");
    stage.event.method = "POST";
    stage.event.content_length = stage.body.more = 64 << 20;
    stage.function.spec.limits.request_body = 1 << 30;
    stage.sink.keep = false;
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.written == 64 << 20);
}

TEST_CASE("a program may leave its input unread", "[contract]") {
    for (const auto* script : {"exec <&-; echo fine", "echo fine", "head -c 10 >/dev/null; echo fine"}) {
        INFO(script);
        Stage stage(script);
        stage.post(std::string(1 << 20, 'x'));
        REQUIRE(ok(stage.run()));
        CHECK(stage.sink.body == "fine\n");
    }
}

TEST_CASE("a reply streams while the request still does", "[contract]") {
    Stage stage(head + "echo one; read word; echo $word");
    stage.event.method = "POST";
    stage.event.content_length = 4;
    stage.body.text = "two\n";
    stage.body.before_read = [&] { return stage.sink.until_written(4); };
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "one\ntwo\n");
}

TEST_CASE("a body of unknown length is kept until its length is known", "[contract]") {
    for (const std::size_t size : {0, 10, 65'536, 65'537, 300'000}) {
        INFO(size);
        Stage stage(head + "echo $CONTENT_LENGTH $HTTP_TRANSFER_ENCODING; wc -c");
        stage.post(std::string(size, 'x'));
        stage.event.content_length.reset();
        stage.event.chunked = true;
        stage.event.fields = {{"Transfer-Encoding", "chunked"}};
        REQUIRE(ok(stage.run()));
        CHECK(stage.sink.body == std::to_string(size) + "\n" + std::to_string(size) + "\n");
    }
}

TEST_CASE("a body that has been kept is given out unchanged", "[contract]") {
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += std::to_string(i) + "\n";
    Stage stage(head + "exec cat");
    stage.post(text);
    stage.event.content_length.reset();
    stage.event.chunked = true;
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == text);
}

TEST_CASE("a body over the function's limit starts nothing", "[contract]") {
    for (const bool chunked : {false, true}) {
        Stage stage("echo never");
        stage.post(std::string(100'000, 'x'));
        stage.function.spec.limits.request_body = 99'999;
        if (chunked) stage.event.content_length.reset();
        stage.event.chunked = chunked;
        const auto outcome = stage.run();
        CHECK(stage.fault(outcome) == "too_large");
        CHECK(outcome.error().pointer.empty());
        CHECK_FALSE(stage.started);
    }
}

TEST_CASE("a body that breaks off ends the program", "[contract]") {
    for (const auto fault : {base::Fault::invalid, base::Fault::client_gone, base::Fault::too_large}) {
        Stage stage("cat; sleep 60");
        stage.event.method = "POST";
        stage.event.content_length = 10;
        stage.body.text = "hello";
        stage.body.fault = base::Error(fault, "the body broke off");
        stage.function.spec.contract.output = function::Output::cgi;
        const auto outcome = stage.run();
        CHECK(stage.fault(outcome) == base::name(fault));
        CHECK(stage.emptied());
    }
}

TEST_CASE("a body that breaks off after the head cuts the reply", "[contract]") {
    Stage stage(head + "echo begun; cat; sleep 60");
    stage.event.method = "POST";
    stage.event.content_length = 10;
    stage.body.fault = base::Error(base::Fault::invalid, "the body broke off");
    stage.body.before_read = [&] { return stage.sink.until_begun(); };
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(outcome->reply_incomplete);
    CHECK(outcome->incomplete_reason == "the body broke off");
}

TEST_CASE("no output and a failed exit is a fault that says how", "[contract]") {
    const std::pair<const char*, const char*> rows[] = {{"exit 7", "exited with status 7 and printed nothing"},
                                                        {"kill -SEGV $$", "killed by signal 11"},
                                                        {"printf 'half'; kill -KILL $$", "killed by signal 9"},
                                                        {"exec >&-; exit 3", "status 3"}};
    for (const auto& [script, why] : rows) {
        INFO(script);
        Stage stage(script);
        const auto outcome = stage.run();
        REQUIRE(stage.fault(outcome) == "function_failed");
        CHECK_THAT(outcome.error().detail, ContainsSubstring(why));
        CHECK_FALSE(stage.sink.begun());
    }
}

TEST_CASE("no output and a good exit is an empty reply, but not for CGI", "[contract]") {
    Stage stage("true");
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.head.content_length == 0);
    Stage strict("true");
    strict.function.spec.contract.output = function::Output::cgi;
    CHECK(strict.fault(strict.run()) == "function_failed");
}

TEST_CASE("a program that is killed after its head leaves the reply cut", "[contract]") {
    Stage stage(head + "echo some; kill -KILL $$");
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(outcome->reply_incomplete);
    CHECK(outcome->signal == SIGKILL);
}

TEST_CASE("a promised length settles what a reply is", "[contract]") {
    const std::string promise = "printf 'Content-Type: text/plain\\nContent-Length: 2\\n\\n'; ";
    Stage killed(promise + "printf hi; kill -KILL $$");
    CHECK_FALSE(killed.run()->reply_incomplete);
    Stage lingering(promise + "printf hi; exec sleep 60");
    const auto outcome = lingering.run();
    REQUIRE(ok(outcome));
    CHECK_FALSE(outcome->reply_incomplete);
    CHECK(outcome->exit_code == -1);
    CHECK(lingering.sink.body == "hi");
    CHECK(lingering.emptied());
    Stage little(promise + "printf h");
    CHECK(little.run()->incomplete_reason == "the output is shorter than its Content-Length");
}

TEST_CASE("a reply is whole when the output is closed, whoever lives on", "[contract]") {
    for (const auto* script : {"echo hi; exec >&- 2>&-; sleep 60", "setsid sleep 60 & echo hi", "sleep 60 & echo hi"}) {
        INFO(script);
        Stage stage(script);
        const auto outcome = stage.run();
        REQUIRE(ok(outcome));
        CHECK_FALSE(outcome->reply_incomplete);
        CHECK(stage.sink.body == "hi\n");
    }
}

TEST_CASE("what a program writes to stderr goes to the log and nowhere else", "[contract]") {
    Stage stage(head + "echo first >&2; printf 'second\\r\\n\\nlast words' >&2; echo out");
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "out\n");
    CHECK(stage.lines == std::vector<std::string>{"first", "second", "", "last words"});
}

TEST_CASE("a flood on stderr stops nobody and is kept in bounds", "[contract]") {
    Stage stage("yes noise | head -c 20000000 >&2; echo out");
    stage.function.spec.limits.log_rate = 10'000;
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "out\n");
    std::size_t kept = 0;
    for (const auto& line : stage.lines) kept += line.size();
    CHECK(kept < 1'000'000);
    CHECK(std::any_of(stage.lines.begin(), stage.lines.end(),
                      [](const auto& line) { return line.find("bytes of stderr dropped") != std::string::npos; }));
}

TEST_CASE("a program that takes too long is told to end", "[contract]") {
    Stage stage("trap 'echo told >/tmp/told; exit' TERM; echo started >&2; while :; do sleep 0.01; done");
    stage.timeout = 700ms;
    auto call = stage.call();
    std::optional<async::Task<void>> afterwards;
    call.afterwards = [&](async::Task<void> task) { afterwards.emplace(std::move(task)); };
    const auto outcome = stage.room.loop.run(contract::exchange_cgi(std::move(call)));
    REQUIRE(stage.fault(outcome) == "timed_out");
    CHECK_THAT(outcome.error().detail, ContainsSubstring("limits.timeout"));
    CHECK(stage.lines == std::vector<std::string>{"started"});
    REQUIRE(afterwards);
    stage.room.loop.run(std::move(*afterwards));
    CHECK(stage.room.run("cat /tmp/told")->out == "told\n");
}

TEST_CASE("a program that does not end when told is killed after the grace", "[contract]") {
    Stage stage("trap '' TERM; echo started >&2; sleep 60; sleep 60");
    stage.timeout = 500ms;
    stage.kill_grace = 200ms;
    auto call = stage.call();
    std::optional<async::Task<void>> afterwards;
    call.afterwards = [&](async::Task<void> task) { afterwards.emplace(std::move(task)); };
    const auto outcome = stage.room.loop.run(contract::exchange_cgi(std::move(call)));
    REQUIRE(stage.fault(outcome) == "timed_out");
    REQUIRE(afterwards);
    CHECK(stage.room.sandbox->population() > 1);
    stage.room.loop.run(std::move(*afterwards));
    CHECK(stage.emptied());
}

TEST_CASE("time that ends after the head cuts the reply", "[contract]") {
    Stage stage(head + "echo some; exec sleep 60");
    stage.timeout = 700ms;
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(outcome->reply_incomplete);
    CHECK_THAT(outcome->incomplete_reason, ContainsSubstring("limits.timeout"));
    CHECK(stage.sink.body == "some\n");
    CHECK(stage.emptied());
}

TEST_CASE("a body that never comes ends at the deadline", "[contract]") {
    for (const bool chunked : {false, true}) {
        Stage stage("cat");
        stage.timeout = 300ms;
        stage.event.method = "POST";
        stage.event.chunked = chunked;
        if (!chunked) stage.event.content_length = 10;
        stage.body.before_read = [&] { return stage.sink.until_written(1); };
        CHECK(stage.fault(stage.run()) == "timed_out");
        CHECK(stage.emptied());
    }
}

TEST_CASE("a client that hangs up ends the program", "[contract]") {
    Stage stage("while :; do echo more; done");
    stage.sink.gone = true;
    CHECK(stage.fault(stage.run()) == "client_gone");
    CHECK(stage.emptied());
}

TEST_CASE("an exchange that is cancelled ends the program", "[contract]") {
    Stage stage("echo hello there; exec sleep 60");
    std::optional<base::Result<contract::Outcome>> result;
    auto exchange = async::store_result(contract::exchange_cgi(stage.call()), result);
    stage.room.loop.run(async::race(std::move(exchange), stage.sink.until_written(5)));
    CHECK_FALSE(result);
    CHECK(stage.emptied());
}

TEST_CASE("HEAD runs the program and drops what it prints", "[contract]") {
    Stage stage(
        "printf 'Content-Type: text/plain\\nContent-Length: 5\\n\\n'; [ $REQUEST_METHOD = HEAD ] || printf hello");
    stage.event.method = "HEAD";
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK_FALSE(outcome->reply_incomplete);
    CHECK(stage.sink.head.content_length == 5);
    CHECK(stage.sink.body.empty());
}

TEST_CASE("a local redirect is told when the program has ended", "[contract]") {
    Stage stage("printf 'Location: /other?q=1\\n\\n'; echo done >&2");
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(outcome->local_redirect == "/other?q=1");
    CHECK_FALSE(stage.sink.begun());
    CHECK(stage.lines == std::vector<std::string>{"done"});
}

TEST_CASE("output over the function's limit is cut", "[contract]") {
    Stage stage(head + "exec cat /dev/zero");
    stage.function.spec.limits.response_body = 1 << 20;
    stage.sink.keep = false;
    const auto outcome = stage.run();
    REQUIRE(ok(outcome));
    CHECK(outcome->reply_incomplete);
    CHECK(stage.sink.written <= 1 << 20);
    CHECK(stage.emptied());
}

TEST_CASE("a command that is not there is a launch failure", "[contract]") {
    Stage stage(std::vector<std::string>{"no-such-command"});
    const auto outcome = stage.run();
    REQUIRE(stage.fault(outcome) == "launch_failed");
    CHECK_THAT(outcome.error().detail, ContainsSubstring("no-such-command"));
    CHECK_FALSE(stage.started);
}

TEST_CASE("a container that dies is a fault before the head and a cut after it", "[contract]") {
    Stage before("sleep 60");
    auto call = before.call();
    call.process_started = [&] { kill(before.room.sandbox->pid(), SIGKILL); };
    CHECK(before.fault(before.room.loop.run(contract::exchange_cgi(std::move(call)))) == "function_failed");

    Stage after(head + "read word; sleep 60");
    after.event.method = "POST";
    after.event.content_length = 10;
    after.body.before_read = [&]() -> async::Task<void> {
        co_await after.sink.until_begun();
        kill(after.room.sandbox->pid(), SIGKILL);
        co_await after.sink.until_written(1);
    };
    const auto outcome = after.room.loop.run(contract::exchange_cgi(after.call()));
    REQUIRE(ok(outcome));
    CHECK(outcome->reply_incomplete);
}

TEST_CASE("a user that is not root may open its streams by name", "[contract]") {
    Stage stage("cat /dev/stdin >/dev/stdout; echo noted >/dev/stderr", 65534);
    stage.post("hello\n");
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "hello\n");
    CHECK(stage.lines == std::vector<std::string>{"noted"});
}

TEST_CASE("a program gets no descriptor of ours", "[contract]") {
    Stage stage(std::vector<std::string>{"ls", "/proc/self/fd"});
    stage.post("x");
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "0\n1\n2\n3\n");  // the last one is the directory itself
}

TEST_CASE("without a body a program's input is an empty file that nobody else has and nothing can be written to",
          "[contract]") {
    Stage stage("stat -Lc '%F' /dev/stdin; cat; { echo x >/dev/stdin; } 2>/dev/null || echo refused");
    REQUIRE(ok(stage.run()));
    CHECK(stage.sink.body == "regular empty file\nrefused\n");
}
