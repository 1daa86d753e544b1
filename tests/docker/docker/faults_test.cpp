// SPDX-License-Identifier: Apache-2.0
#include "lab.h"
#include "support/engine_proxy.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <thread>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::EngineProxy;
using test::Lab;
using Act = test::EngineProxy::Act;

namespace {

async::Task<void> ping(Lab& lab, std::chrono::seconds limit, int& ended) {
    const auto deadline = lab.loop.in(limit);
    co_await lab.engine.ping(deadline);
    ++ended;
}

}  // namespace

TEST_CASE("an engine that stalls costs a call its deadline and no more", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    proxy.add({"", "_ping", Act::stall, 1});
    const auto began = lab.loop.clock().now();
    const auto stalled = lab.loop.run(lab.engine.ping(lab.loop.in(100ms)));
    REQUIRE_FALSE(stalled);
    CHECK(stalled.error().fault == Fault::engine_down);
    CHECK_THAT(stalled.error().detail, ContainsSubstring("ping"));
    CHECK(lab.loop.clock().now() - began >= 100ms);
    CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
}

TEST_CASE("each kind of broken answer is engine_down or engine_refused, and the next call works", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    const std::vector<std::tuple<Act, Fault, std::string>> cases{
        {Act::cut, Fault::engine_down, "cannot be reached"},
        {Act::lose_answer, Fault::engine_down, "cannot be reached"},
        {Act::truncate, Fault::engine_down, "broke off"},
        {Act::garbage, Fault::engine_down, "cannot be reached"},
        {Act::error_500, Fault::engine_refused, "told to fail"}};
    for (const auto& [act, fault, words] : cases) {
        CAPTURE(static_cast<int>(act));
        // A GET may be sent again on a new connection: every one of them is to fail.
        proxy.add({"", "/info", act});
        const auto failed = lab.loop.run(lab.engine.info(lab.soon()));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().fault == fault);
        CHECK_THAT(failed.error().detail, ContainsSubstring(words));
        proxy.clear_rules();
        CHECK(lab.loop.run(lab.engine.info(lab.soon())));
    }
}

TEST_CASE("a create whose answer is lost is engine_down, was sent once, and is found by its label", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    REQUIRE(lab.loop.run(lab.engine.ping(lab.soon())));  // there is a kept connection: where libcurl would try again
    proxy.add({"POST", "/create", Act::lose_answer, 1});
    const auto lost = lab.loop.run(lab.engine.create(lab.spec({"true"}), lab.name("lost"), lab.soon()));
    REQUIRE_FALSE(lost);
    CHECK(lost.error().fault == Fault::engine_down);
    CHECK(proxy.count("/create") == 1);
    const auto listed = lab.loop.run(lab.engine.list({lab.label()}, lab.soon()));
    REQUIRE(listed);
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().name == lab.name("lost"));
}

TEST_CASE("the version is asked for once, and again when the engine was away or speaks another", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    for (int i = 0; i < 3; ++i) CHECK(lab.loop.run(lab.engine.info(lab.soon())));
    CHECK(proxy.count("^/version$") == 1);
    CHECK(proxy.count("^/v1\\.4[0-7]/info$") == 3);

    proxy.go_away();
    const auto gone = lab.loop.run(lab.engine.info(lab.soon()));
    REQUIRE_FALSE(gone);
    CHECK(gone.error().fault == Fault::engine_down);
    CHECK_THAT(gone.error().detail, ContainsSubstring("No such file"));
    proxy.come_back();
    CHECK(lab.loop.run(lab.engine.info(lab.soon())));
    CHECK(proxy.count("^/version$") == 2);

    proxy.add({"", "/containers/json", Act::too_old, 1});
    CHECK(lab.loop.run(lab.engine.list({lab.label()}, lab.soon())));
    CHECK(proxy.count("^/version$") == 3);
    proxy.add({"", "/containers/json", Act::too_old});
    const auto refused = lab.loop.run(lab.engine.list({lab.label()}, lab.soon()));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::engine_refused);
    CHECK_THAT(refused.error().detail, ContainsSubstring("too old"));
}

TEST_CASE("an engine that goes and comes back is one line each in the log", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    for (int i = 0; i < 5; ++i) CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
    CHECK(lab.log.text().empty());
    proxy.go_away();
    for (int i = 0; i < 5; ++i) CHECK_FALSE(lab.loop.run(lab.engine.ping(lab.soon())));
    CHECK(lab.log.count("engine lost") == 1);
    CHECK(lab.log.count("engine back") == 0);
    proxy.come_back();
    for (int i = 0; i < 5; ++i) CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
    CHECK(lab.log.count("engine lost") == 1);
    CHECK(lab.log.count("engine back") == 1);
}

TEST_CASE("cancelled calls unwind, close their connections and leave the others alone", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    proxy.add({"", "/info", Act::stall});
    async::TaskGroup tasks(lab.loop.executor(), lab.log.log);
    auto call = [](Lab& in, bool& unwound) -> async::Task<void> {
        struct OnExit {
            bool& flag;
            ~OnExit() { flag = true; }
        } on_exit{unwound};
        const auto deadline = in.loop.in(1h);
        co_await in.engine.info(deadline);
    };
    std::array<bool, 5> unwound{};
    for (auto& one : unwound) tasks.spawn("info", call(lab, one));
    auto arrived = [](EngineProxy& at, Lab& in) -> async::Task<void> {
        while (at.count("/info") < 5) co_await in.loop.clock().sleep_for(1ms);
    };
    lab.loop.run(arrived(proxy, lab));
    tasks.cancel();
    lab.loop.run(tasks.join());
    CHECK(unwound == std::array<bool, 5>{true, true, true, true, true});
    CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
    CHECK(proxy.count("/info") == 5);
}

TEST_CASE("a call cancelled before it had its place or its version unwinds too", "[docker]") {
    EngineProxy proxy;
    auto settings = test::at(proxy.host());
    settings.calls_in_flight = 1;
    Lab lab(settings);
    proxy.add({"", "/version", Act::stall, 1});
    async::TaskGroup tasks(lab.loop.executor(), lab.log.log);
    auto call = [](Lab& in) -> async::Task<void> {
        const auto deadline = in.loop.in(1h);
        co_await in.engine.info(deadline);
    };
    for (int i = 0; i < 5; ++i) tasks.spawn("info", call(lab));
    auto arrived = [](EngineProxy& at, Lab& in) -> async::Task<void> {
        while (at.count("/version") < 1) co_await in.loop.clock().sleep_for(1ms);
    };
    lab.loop.run(arrived(proxy, lab));
    tasks.cancel();
    lab.loop.run(tasks.join());
    CHECK(lab.loop.run(lab.engine.info(lab.soon())));
}

TEST_CASE("200 calls at once share a few connections, all are answered, and nothing is left open", "[docker]") {
    EngineProxy proxy;
    const auto before = test::open_descriptors();
    {
        auto settings = test::at(proxy.host());
        settings.kept_connections = 4;
        settings.calls_in_flight = 4;
        Lab lab(settings);
        async::TaskGroup tasks(lab.loop.executor(), lab.log.log);
        int ended = 0;
        for (int i = 0; i < 200; ++i) tasks.spawn("ping", ping(lab, 20s, ended));
        lab.loop.run(tasks.join());
        CHECK(ended == 200);
        CHECK(proxy.count("_ping") == 200);
        CHECK(proxy.connections() <= 4);
        CHECK(lab.log.text().empty());
    }
    while (proxy.open() > 0) std::this_thread::yield();
    proxy.go_away();
    proxy.come_back();
    CHECK(test::open_descriptors() == before);
}

TEST_CASE("connections beyond the kept ones are closed, kept ones are used again", "[docker]") {
    EngineProxy proxy;
    auto settings = test::at(proxy.host());
    settings.kept_connections = 2;
    settings.calls_in_flight = 16;
    Lab lab(settings);
    proxy.add({"", "_ping", Act::delay, 0, 20ms});
    async::TaskGroup tasks(lab.loop.executor(), lab.log.log);
    int ended = 0;
    for (int i = 0; i < 16; ++i) tasks.spawn("ping", ping(lab, 20s, ended));
    lab.loop.run(tasks.join());
    CHECK(ended == 16);
    proxy.clear_rules();
    const int opened = proxy.connections();
    CHECK(opened > 2);
    for (int i = 0; i < 20; ++i) CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
    CHECK(proxy.connections() == opened);
    CHECK(proxy.open() <= 3);
}

TEST_CASE("failing calls of every kind leave no descriptor open", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    CHECK(lab.loop.run(lab.engine.info(lab.soon())));
    proxy.cut_now(".*");
    auto round = [&] {
        for (const Act act : {Act::cut, Act::lose_answer, Act::truncate, Act::garbage, Act::error_500}) {
            proxy.add({"", "/info", act});
            for (int i = 0; i < 5; ++i) CHECK_FALSE(lab.loop.run(lab.engine.info(lab.soon())));
            proxy.clear_rules();
        }
        proxy.add({"", "/info", Act::stall});
        for (int i = 0; i < 5; ++i) CHECK_FALSE(lab.loop.run(lab.engine.info(lab.loop.in(5ms))));
        proxy.clear_rules();
        proxy.go_away();
        CHECK_FALSE(lab.loop.run(lab.engine.info(lab.soon())));
        const auto open = test::open_descriptors();
        proxy.come_back();
        return open;
    };
    const auto once = round();
    CHECK(round() == once);
    CHECK(round() == once);
}

TEST_CASE("an answer longer than its limit is refused and not kept", "[docker]") {
    EngineProxy proxy;
    auto settings = test::at(proxy.host());
    settings.reply_limit = 100;
    Lab lab(settings);
    CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
    const auto info = lab.loop.run(lab.engine.info(lab.soon()));
    REQUIRE_FALSE(info);
    CHECK(info.error().fault == Fault::engine_refused);
    CHECK_THAT(info.error().detail, ContainsSubstring("longer than"));
}

TEST_CASE("every call is counted by its verb, with its outcome", "[docker]") {
    std::vector<std::pair<std::string, bool>> told;
    auto settings = test::real();
    settings.on_call = [&](const char* verb, bool failed, base::Duration took) {
        CHECK(took > 0ns);
        told.emplace_back(verb, failed);
    };
    Lab lab(settings);
    CHECK(lab.loop.run(lab.engine.ping(lab.soon())));
    CHECK_FALSE(lab.loop.run(lab.engine.inspect("docker-test-nosuch", lab.soon())));
    CHECK(told == std::vector<std::pair<std::string, bool>>{{"ping", false}, {"inspect", true}});
}

TEST_CASE("an engine over tcp that is not there is engine_down", "[docker]") {
    Lab lab(test::at("tcp://localhost:1"));
    const auto refused = lab.loop.run(lab.engine.ping(lab.soon()));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::engine_down);
    CHECK_THAT(refused.error().detail, ContainsSubstring("refused"));
    Lab nowhere(test::at("tcp://no-such-host.invalid:2375"));
    CHECK(nowhere.loop.run(nowhere.engine.ping(nowhere.soon())).error().fault == Fault::engine_down);
}
