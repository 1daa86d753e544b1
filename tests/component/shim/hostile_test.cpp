// SPDX-License-Identifier: Apache-2.0
#include "hostile.h"
#include "support/room.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <poll.h>
#include <unistd.h>
#include <csignal>

using namespace shallop;
using namespace shallop::test;
using Catch::Matchers::ContainsSubstring;
using std::chrono::seconds;

namespace {

Sandbox::Options as_somebody() {
    Sandbox::Options options;
    options.uid = 4321;
    return options;
}

}  // namespace

TEST_CASE("code of the same uid gets at neither the shim's memory nor its socket", "[shim]") {
    Room room(as_somebody());
    const auto ran = room.run(hostile::reach_into_shim);
    REQUIRE(ok(ran));
    CHECK_THAT(ran->out, ContainsSubstring("getfd:refused\ngetfd:refused"));
    CHECK_THAT(ran->out, ContainsSubstring("exe:refused"));
    CHECK_THAT(ran->out, !ContainsSubstring("done"));
    CHECK(room.run("exit 6")->exit.code == 6);
}

TEST_CASE("a second connection finds no socket", "[shim]") {
    Room room(as_somebody());
    const auto ran = room.run(hostile::connect_again);
    REQUIRE(ok(ran));
    CHECK(ran->out == "connect:refused\nplant:refused\nreplace:refused\n");
}

TEST_CASE("no signal from inside ends or stops the shim", "[shim]") {
    Room room(as_somebody());
    REQUIRE(ok(room.run(hostile::signal_shim)));
    CHECK(room.run("exit 6")->exit.code == 6);
    auto bystander = room.start("sleep 1000");
    REQUIRE(ok(bystander));
    CHECK(room.run("kill -KILL -1")->exit.signal == 0);  // a process does not reach itself with -1
    CHECK(room.wait(*bystander)->signal == SIGKILL);
    CHECK(room.run("exit 6")->exit.code == 6);
}

TEST_CASE("lowering the shim's limits only starves the function itself", "[shim]") {
    Room room(as_somebody());
    REQUIRE_THAT(room.run(hostile::lower_shims_limits)->out, ContainsSubstring("prlimit:done"));
    const auto starved = room.run("true");
    CHECK(starved.error().fault == base::Fault::overloaded);
    room.channel->close("it starves");
    CHECK(room.sandbox->wait() == 0);
}

TEST_CASE("descriptors that others of the uid leave in flight do not keep the shim from passing its own", "[shim]") {
    auto options = as_somebody();
    options.soft_files = 200;
    options.hard_files = 1024;
    Room room(options);
    Pipe pipe;
    auto out = copy_of(pipe.write);
    auto err = copy_of(pipe.write);
    pipe.write.reset();
    auto request = shell(hostile::flood_in_flight);
    request.files = 200;
    auto flood = room.loop.run(room.channel->exec(request, file_of(), std::move(out), std::move(err)));
    REQUIRE(ok(flood));
    char text[64] = {};
    REQUIRE(read(pipe.read.get(), text, sizeof text - 1) > 0);
    CHECK_THAT(text, ContainsSubstring("400 in flight"));

    auto acceptor = room.loop.run(room.channel->listen("unix:/tmp/ours"));
    REQUIRE(ok(acceptor));
    CHECK(ok(room.loop.run(room.channel->connect("unix:/tmp/ours", seconds(1)))));
    CHECK(ok(room.loop.run(acceptor->accept())));
}

TEST_CASE("a process that is stopped before its exec cannot keep the container alive", "[shim]") {
    Room room(as_somebody());
    auto hostile = room.start(hostile::stop_newcomers);
    REQUIRE(ok(hostile));
    const auto storm = [](Room& in) -> async::Task<void> {
        for (int i = 0; i < 300 && in.channel->is_open(); ++i) {
            auto starting = start(*in.channel, shell("true"));
            auto started = co_await async::within(in.loop.clock(), in.loop.in(std::chrono::milliseconds(500)),
                                                  std::move(starting));
            if (!started) break;  // caught between vfork and exec: the shim's main thread waits
        }
    };
    room.loop.run(storm(room));
    room.channel->close("enough");
    CHECK(room.sandbox->wait() == 0);
    CHECK(room.sandbox->population() == 0);
}
