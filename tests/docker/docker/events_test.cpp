// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>

#include "lab.h"
#include "support/engine_proxy.h"

#include <algorithm>

using namespace shallop;
using namespace std::chrono_literals;
using test::EngineProxy;
using test::Lab;
using Act = test::EngineProxy::Act;

namespace {

/// Follows the events of one Lab's containers.
struct Follower {
    explicit Follower(Lab& of) : lab(of), changed(of.loop.executor()), tasks(of.loop.executor(), of.log.log) {
        tasks.spawn("events", lab.engine.events(
                                  {lab.label()},
                                  [this](const docker::EngineEvent& event) {
                                      seen.push_back(event.action + " " + event.attributes.at("name"));
                                      changed.notify_all();
                                  },
                                  [this] {
                                      ++connected;
                                      changed.notify_all();
                                  }));
    }
    ~Follower() {
        tasks.cancel();
        lab.loop.run(tasks.join());
    }

    async::Task<void> until_connected(int times) {
        while (connected < times) co_await changed.wait();
    }
    async::Task<void> until_seen(std::string what) {
        while (std::find(seen.begin(), seen.end(), what) == seen.end()) co_await changed.wait();
    }
    long count(const std::string& what) const { return std::count(seen.begin(), seen.end(), what); }

    Lab& lab;
    std::vector<std::string> seen;
    int connected = 0;
    async::Condition changed;
    async::TaskGroup tasks;
};

/// A whole life, seen through an engine of its own.
void live(Lab& lab, docker::Engine& engine, const std::string& name) {
    auto spec = lab.spec({"true"});
    spec.auto_remove = true;
    const auto id = lab.loop.run(engine.create(spec, name, lab.soon()));
    REQUIRE(id);
    REQUIRE(lab.loop.run(engine.start(*id, lab.soon())));
}

}  // namespace

TEST_CASE("the event stream tells of our containers and of no others", "[docker]") {
    Lab lab;
    Lab other;
    Follower follower(lab);
    lab.loop.run(follower.until_connected(1));
    live(other, other.engine, other.name("other"));
    live(lab, lab.engine, lab.name("ours"));
    lab.loop.run(follower.until_seen("destroy " + lab.name("ours")));
    CHECK(follower.count("create " + lab.name("ours")) == 1);
    CHECK(follower.count("start " + lab.name("ours")) == 1);
    CHECK(follower.count("die " + lab.name("ours")) == 1);
    CHECK(std::none_of(follower.seen.begin(), follower.seen.end(),
                       [&](const std::string& line) { return line.ends_with(other.name("other")); }));
}

TEST_CASE("a cut event stream connects again, has what happened meanwhile, and repeats nothing", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    docker::CurlEngine direct(test::real(), lab.loop.executor(), lab.loop.clock(), lab.log.log);
    Follower follower(lab);
    lab.loop.run(follower.until_connected(1));
    live(lab, direct, lab.name("a"));
    lab.loop.run(follower.until_seen("destroy " + lab.name("a")));

    CHECK(proxy.cut_now("/events") == 1);
    live(lab, direct, lab.name("b"));
    lab.loop.run(follower.until_connected(2));
    lab.loop.run(follower.until_seen("destroy " + lab.name("b")));

    proxy.go_away();
    live(lab, direct, lab.name("c"));
    proxy.come_back();
    lab.loop.run(follower.until_connected(3));
    lab.loop.run(follower.until_seen("destroy " + lab.name("c")));
    for (const char* which : {"a", "b", "c"}) {
        CAPTURE(which);
        for (const char* action : {"create ", "start ", "die ", "destroy "}) {
            CHECK(follower.count(action + lab.name(which)) == 1);
        }
    }
    CHECK(lab.log.count("engine lost") <= 2);
}

TEST_CASE("a stream cut before its first event has what happened before it was up again", "[docker]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    docker::CurlEngine direct(test::real(), lab.loop.executor(), lab.loop.clock(), lab.log.log);
    Follower follower(lab);
    lab.loop.run(follower.until_connected(1));
    proxy.go_away();
    live(lab, direct, lab.name("early"));
    proxy.come_back();
    lab.loop.run(follower.until_seen("destroy " + lab.name("early")));
    CHECK(follower.count("create " + lab.name("early")) == 1);
}

TEST_CASE("an event stream that is refused, garbled or stalled is tried again with back-off", "[docker]") {
    EngineProxy proxy;
    auto settings = test::at(proxy.host());
    settings.connect_limit = 50ms;
    settings.retry_first = 5ms;
    settings.retry_most = 20ms;
    proxy.add({"", "/events", Act::cut, 1});
    proxy.add({"", "/events", Act::error_500, 1});
    proxy.add({"", "/events", Act::garbage, 1});
    proxy.add({"", "/events", Act::stall, 1});
    Lab lab(settings);
    Follower follower(lab);
    lab.loop.run(follower.until_connected(1));
    CHECK(proxy.count("/events") >= 5);
    live(lab, lab.engine, lab.name("after"));
    lab.loop.run(follower.until_seen("destroy " + lab.name("after")));
}
