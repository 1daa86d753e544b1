// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>
#include <shallop/trigger/engine_triggers.h>

#include "component/store/support.h"
#include "docker/docker/lab.h"
#include "support/engine_proxy.h"

#include <algorithm>
#include <optional>

using namespace shallop;
using namespace std::chrono_literals;
using test::EngineProxy;
using test::Lab;

namespace {

/// What a queue does with orders: it keeps each once, by its key. Outlives the triggers, as a database does.
struct Kept {
    std::vector<queue::Order> orders;
    std::set<std::string> keys;
    int refuse = 0;  ///< so many of the next
    int refused = 0;

    async::Task<base::Result<queue::Accepted>> put(queue::Order order) {
        if (refuse > 0) {
            --refuse;
            ++refused;
            co_return base::Error(base::Fault::overloaded, "told to refuse");
        }
        queue::Accepted accepted;
        accepted.id = std::to_string(orders.size());
        accepted.repeated = !keys.insert(order.idempotency_key).second;
        if (!accepted.repeated) orders.push_back(std::move(order));
        co_return accepted;
    }
    static std::string field(const queue::Order& order, const char* name) {
        const auto* found = base::find_field(order.event.fields, name);
        return found == nullptr ? "" : *found;
    }
    /// "die shop" of com.docker.container.die and the subject shop.
    std::vector<std::string> what() const {
        std::vector<std::string> all;
        for (const auto& order : orders) {
            const auto type = field(order, "ce-type");
            all.push_back(type.substr(type.rfind('.') + 1) + " " + field(order, "ce-subject"));
        }
        return all;
    }
    long count(const std::string& line) const {
        const auto all = what();
        return std::count(all.begin(), all.end(), line);
    }
};

/// The triggers of a daemon that can be stopped and started.
class Yard {
public:
    explicit Yard(Lab& lab) : lab_(lab), tasks_(lab.loop.executor(), lab.log.log) {
        store_ = store::Store::open(directory_.path(), pool_, lab.log.log).value();
        stored_.emplace(*store_);
    }
    ~Yard() { stop(); }

    void start() {
        triggers_.emplace(
            trigger::EngineTriggers::Limits(),
            trigger::EngineTriggers::Parts{lab_.engine, *stored_, lab_.ids, lab_.loop.clock(), lab_.log.log,
                                           [](const std::string& name) { return name != "none"; },
                                           [this](queue::Order order) { return kept.put(std::move(order)); }},
            lab_.loop.executor());
        REQUIRE(lab_.loop.run(triggers_->load()));
        tasks_.spawn("triggers", triggers_->run());
    }
    void stop() {
        tasks_.cancel();
        lab_.loop.run(tasks_.join());
        triggers_.reset();
    }
    /// Adds one and waits until events are followed.
    std::string add(const std::string& filters) {
        const auto made =
            lab_.loop.run(triggers_->add(R"({"type":"engine","function":"f","filters":)" + filters + "}"));
        REQUIRE(made);
        lab_.loop.run(until_followed());
        return made->trigger.id;
    }
    void wait_for(const std::string& line) {
        lab_.loop.run(until([this, line] { return kept.count(line) > 0; }));
    }
    async::Task<void> until(std::function<bool()> claim) {
        while (!claim()) co_await lab_.loop.clock().sleep_for(10ms);
    }
    trigger::EngineTriggers& triggers() { return *triggers_; }
    store::Triggers& stored() { return *stored_; }

    Kept kept;

private:
    async::Task<void> until_followed() {
        for (;;) {
            const auto seen = co_await stored_->seen();
            if (seen.value() > 0) co_return;
            co_await lab_.loop.clock().sleep_for(10ms);
        }
    }

    Lab& lab_;
    test::TempDir directory_;
    async::BlockingPool pool_{2};
    std::unique_ptr<store::Store> store_;
    std::optional<store::Triggers> stored_;
    std::optional<trigger::EngineTriggers> triggers_;
    async::TaskGroup tasks_;
};

/// A whole life, by way of `engine`.
void live(Lab& lab, docker::Engine& engine, const std::string& suffix, bool own = false) {
    auto spec = lab.spec({"true"});
    spec.auto_remove = true;
    if (own) spec.labels["shallop.daemon"] = "of-this-test";
    const auto id = lab.loop.run(engine.create(spec, lab.name(suffix), lab.soon()));
    REQUIRE(id);
    REQUIRE(lab.loop.run(engine.start(*id, lab.soon())));
}

std::string with_label(const Lab& lab, const std::string& events) {
    return R"({"event":[)" + events + R"(],"label":[")" + lab.label() + R"("]})";
}

}  // namespace

TEST_CASE("what happens at the engine is queued as a CloudEvent", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    const auto id = yard.add(with_label(lab, R"("die","oom")"));
    live(lab, lab.engine, "a");
    yard.wait_for("die " + lab.name("a"));
    REQUIRE(yard.kept.orders.size() == 1);
    const auto& order = yard.kept.orders[0];
    CHECK(order.event.function == "f");
    CHECK(Kept::field(order, "ce-specversion") == "1.0");
    CHECK(Kept::field(order, "ce-type") == "com.docker.container.die");
    const auto info = lab.loop.run(lab.engine.info(lab.soon())).value();
    CHECK(Kept::field(order, "ce-source") == "docker:" + info.id);
    CHECK(order.body.bytes.find("\"exitCode\":\"0\"") != std::string::npos);
    const auto view = yard.triggers().show(id).value();
    CHECK(view.fired == 1);
    CHECK(view.last_invocation == "0");
}

TEST_CASE("containers that a Shallop made trigger nothing", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    yard.add(with_label(lab, R"("create","start","die","destroy")"));
    live(lab, lab.engine, "own", true);
    live(lab, lab.engine, "other");
    yard.wait_for("destroy " + lab.name("other"));
    for (const auto& line : yard.kept.what()) CHECK(line.ends_with(lab.name("other")));
}

TEST_CASE("an image that is tagged and untagged is an event", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    auto name = lab.name("image");
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    yard.add(R"({"type":["image"],"event":["tag"],"image":[")" + name + R"("]})");
    docker::Transport raw({}, docker::Host{test::real_engine(), "http://localhost"}, lab.loop.executor(),
                          lab.loop.clock(), lab.log.log);
    const docker::Request tag{"POST", "/images/debian:bookworm-slim/tag?repo=" + name + "&tag=1", "", ""};
    lab.loop.run(raw.call(docker::Verb::remove, tag, lab.soon()));
    yard.wait_for("tag " + name + ":1");
    lab.forget(name + ":1");
}

TEST_CASE("what happens while the stream is cut is made up for, once", "[docker][trigger]") {
    EngineProxy proxy;
    Lab lab(test::at(proxy.host()));
    docker::CurlEngine direct(test::real(), lab.loop.executor(), lab.loop.clock(), lab.log.log);
    Yard yard(lab);
    yard.start();
    yard.add(with_label(lab, R"("start","destroy")"));
    live(lab, direct, "a");
    yard.wait_for("destroy " + lab.name("a"));
    CHECK(proxy.cut_now("/events") == 1);
    live(lab, direct, "b");
    yard.wait_for("destroy " + lab.name("b"));
    proxy.go_away();
    live(lab, direct, "c");
    proxy.come_back();
    yard.wait_for("destroy " + lab.name("c"));
    for (const char* which : {"a", "b", "c"}) {
        CAPTURE(which);
        CHECK(yard.kept.count("start " + lab.name(which)) == 1);
        CHECK(yard.kept.count("destroy " + lab.name(which)) == 1);
    }
}

TEST_CASE("what happens while the daemon is away is made up for, once", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    yard.add(with_label(lab, R"("start","destroy")"));
    live(lab, lab.engine, "before");
    yard.wait_for("destroy " + lab.name("before"));
    yard.stop();
    live(lab, lab.engine, "between");
    yard.start();
    yard.wait_for("destroy " + lab.name("between"));
    for (const char* which : {"before", "between"}) {
        CAPTURE(which);
        CHECK(yard.kept.count("start " + lab.name(which)) == 1);
        CHECK(yard.kept.count("destroy " + lab.name(which)) == 1);
    }
}

TEST_CASE("an event that the queue has no room for is put later", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    yard.add(with_label(lab, R"("die","destroy")"));
    yard.kept.refuse = 2;
    live(lab, lab.engine, "a");
    yard.wait_for("destroy " + lab.name("a"));
    CHECK(yard.kept.count("die " + lab.name("a")) == 1);
    CHECK(yard.kept.refused == 2);
}

TEST_CASE("a paused trigger runs nothing, and does not make up for it", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    const auto paused = yard.add(with_label(lab, R"("die")"));
    yard.add(with_label(lab, R"("destroy")"));
    REQUIRE(lab.loop.run(yard.triggers().set_paused(paused, true)));
    live(lab, lab.engine, "a");
    yard.wait_for("destroy " + lab.name("a"));
    CHECK(yard.kept.count("die " + lab.name("a")) == 0);
    REQUIRE(lab.loop.run(yard.triggers().set_paused(paused, false)));
    live(lab, lab.engine, "b");
    yard.wait_for("destroy " + lab.name("b"));
    CHECK(yard.kept.count("die " + lab.name("b")) == 1);
    CHECK(yard.kept.count("die " + lab.name("a")) == 0);
}

TEST_CASE("triggers are added, shown, listed, removed, and gone with their function", "[docker][trigger]") {
    Lab lab;
    Yard yard(lab);
    yard.start();
    const auto one = yard.add("{}");
    const auto two = yard.add(R"({"event":["die"]})");
    CHECK(yard.triggers().list("", 10).size() == 2);
    CHECK(yard.triggers().list(std::min(one, two), 10).size() == 1);
    CHECK(yard.triggers().list("", 1).size() == 1);
    REQUIRE(lab.loop.run(yard.triggers().remove(one)));
    CHECK_FALSE(yard.triggers().show(one));
    CHECK(lab.loop.run(yard.triggers().remove(one)).error().fault == base::Fault::not_found);
    CHECK_FALSE(lab.loop.run(yard.triggers().set_paused(one, true)));
    const auto unknown = lab.loop.run(yard.triggers().add(R"({"type":"engine","function":"none"})"));
    CHECK(unknown.error().pointer == "/function");
    yard.triggers().forget("f");
    CHECK_FALSE(yard.triggers().show(two));
    lab.loop.run([](Yard& of, Lab& in) -> async::Task<void> {
        for (;;) {
            const auto left = co_await of.stored().load();
            if (left.value().empty()) co_return;
            co_await in.loop.clock().sleep_for(10ms);
        }
    }(yard, lab));
}
