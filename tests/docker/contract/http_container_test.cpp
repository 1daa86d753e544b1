// SPDX-License-Identifier: Apache-2.0
#include "component/contract/http_stage.h"
#include "docker/contract/container_home.h"

#include <shallop/async/race.h>

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace shallop;
using namespace shallop::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

using ContainerHttpStage = BasicHttpStage<ContainerHome>;

/// A server in the Perl that the image has; a process for each connection.
std::vector<std::string> perl_server(const std::string& listener) {
    return {"perl", "-e",
            "use IO::Socket::INET; use IO::Socket::UNIX; $SIG{CHLD} = 'IGNORE'; $| = 1;\n"
            "my $s = " +
                listener +
                " or die 'no socket';\n"
                "sub reply { my ($c, $body) = @_; print $c \"HTTP/1.1 200 OK\\r\\nContent-Length: \" . "
                "length($body) . \"\\r\\n\\r\\n$body\"; }\n"
                "while (my $c = $s->accept()) {\n"
                "  my $n = ++$count;\n"
                "  if (fork) { close $c; next; }\n"
                "  $c->autoflush(1);\n"
                "  while (my $first = <$c>) {\n"
                "    my ($size, $line) = (0);\n"
                "    while (($line = <$c>) ne \"\\r\\n\") { $size = $1 if $line =~ /^content-length: (\\d+)/i; }\n"
                "    if ($first =~ m{ /ready }) { reply($c, 'ready'); }\n"
                "    elsif ($first =~ m{ /slow }) { select(undef, undef, undef, 0.3); reply($c, $n); }\n"
                "    elsif ($first =~ m{ /events }) {\n"
                "      print $c \"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\ndata: 1\\n\\n\";\n"
                "      <$c>; exit; }\n"
                "    elsif ($first =~ m{ /upgrade }) {\n"
                "      print $c \"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: "
                "Upgrade\\r\\n\\r\\n\";\n"
                "      while ($line = <$c>) { print $c uc $line; exit if $line =~ /bye/; } exit; }\n"
                "    elsif ($first =~ m{ /die }) { print STDERR \"dying\\n\"; kill 9, getppid; exit; }\n"
                "    elsif ($size) { my $body = ''; read $c, $body, $size; reply($c, $body); }\n"
                "    else { print \"asked\\n\"; reply($c, \"connection $n, port $ENV{PORT}\"); }\n"
                "  } exit; }\n"};
}

const std::string on_port =
    "IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 8080, ReuseAddr => 1)";
const std::string on_path = "IO::Socket::UNIX->new(Listen => 64, Local => '/tmp/fn.sock')";

}  // namespace

TEST_CASE("an http function in a real container answers over kept connections, whoever its user is",
          "[contract][docker][http]") {
    const auto uid = GENERATE(0U, 65534U);
    ContainerHttpStage stage(perl_server(on_port), uid);
    stage.function.spec.contract.ready_path = "/ready";
    CHECK(stage.get() == "connection 1, port 8080");
    CHECK(stage.get() == "connection 1, port 8080");
    auto one = stage.visit();
    one.post(std::string(300'000, 'x'));
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.body.size() == 300'000);
    CHECK(stage.get() == "connection 1, port 8080");
    for (int i = 0; i < 200 && stage.lines.size() < 3; ++i)
        stage.room.loop.run(stage.room.loop.clock().sleep_for(10ms));
    CHECK(stage.lines == std::vector<std::string>{"asked", "asked", "asked"});
    CHECK(stage.driver->sound());
    stage.driver.reset();
    CHECK(stage.room.ends());
}

TEST_CASE("an http function in a container may listen on a unix socket", "[contract][docker][http]") {
    ContainerHttpStage stage(perl_server(on_path));
    stage.function.spec.contract.port = 0;
    stage.function.spec.contract.socket = "/tmp/fn.sock";
    CHECK(stage.get() == "connection 1, port ");
    CHECK(stage.get() == "connection 1, port ");
}

TEST_CASE("eight events at once run in one container", "[contract][docker][http]") {
    ContainerHttpStage stage(perl_server(on_port));
    REQUIRE(ok(stage.prepare()));
    std::vector<std::unique_ptr<Visit>> visits;
    async::TaskGroup group(stage.room.loop.executor(), stage.room.log);
    const auto one = [](ContainerHttpStage& on, Visit& visit) -> async::Task<void> {
        const auto outcome = co_await on.exchange(visit, on.room.loop.in(20s));
        CHECK(outcome.has_value());
    };
    for (int i = 0; i < 8; ++i) {
        visits.push_back(std::make_unique<Visit>(stage.room.loop.executor()));
        visits.back()->event.target = "/slow";
        group.spawn("event", one(stage, *visits.back()));
    }
    stage.room.loop.run(group.join());
    std::string numbers;
    for (const auto& visit : visits) numbers += visit->sink.body;
    std::sort(numbers.begin(), numbers.end());
    CHECK(numbers == "12345678");
}

TEST_CASE("an event stream from a container arrives as it is made", "[contract][docker][http]") {
    ContainerHttpStage stage(perl_server(on_port));
    REQUIRE(ok(stage.prepare()));
    auto one = stage.visit();
    one.event.target = "/events";
    const auto run = [&]() -> async::Task<void> { co_await stage.exchange(one, stage.room.loop.in(20s)); };
    auto running = run();
    auto seen = one.sink.until_written(9);
    stage.room.loop.run(async::race(std::move(running), std::move(seen)), 10s);
    CHECK(one.sink.body == "data: 1\n\n");
    CHECK(stage.driver->sound());
    CHECK_THAT(stage.get(), ContainsSubstring("connection 2"));
}

TEST_CASE("an upgraded connection into a container carries both sides", "[contract][docker][http]") {
    ContainerHttpStage stage(perl_server(on_port));
    auto one = stage.visit();
    one.event.target = "/upgrade";
    one.event.fields.push_back({"Connection", "Upgrade"});
    one.event.fields.push_back({"Upgrade", "echo"});
    one.body.text = "hello\nbye\n";
    int reads = 0;
    one.body.before_read = [&]() -> async::Task<void> {
        if (++reads > 1) co_await stage.room.loop.clock().sleep_for(60s);
    };
    REQUIRE(ok(stage.run(one)));
    CHECK(one.sink.head.status == 101);
    CHECK(one.sink.body == "HELLO\nBYE\n");
}

TEST_CASE("a server in a container that is killed while it answers fails its events and closes the channel",
          "[contract][docker][http]") {
    ContainerHttpStage stage(perl_server(on_port));
    CHECK_THAT(stage.get("/die"), ContainsSubstring("function_failed: ") && ContainsSubstring("killed by signal 9"));
    CHECK_FALSE(stage.driver->sound());
    CHECK_FALSE(stage.room.channel->is_open());
}

TEST_CASE("a server that takes too much memory is a fault of its own", "[contract][docker][http]") {
    ContainerHttpStage stage(std::vector<std::string>{
        "perl", "-e",
        "use IO::Socket::INET; my $s = " + on_port +
            "; my $c = $s->accept(); <$c>; my $all = ''; while (1) { $all .= 'x' x 1000000; }"});
    const auto answer = stage.get();
    CHECK_THAT(answer, ContainsSubstring(stage.room.channel->counts_oom() ? "out_of_memory: " : "function_failed: "));
    CHECK_FALSE(stage.driver->sound());
}
