// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/engine_triggers.h>

#include "component/trigger/support.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using docker::Instant;
using docker::Result;
using docker::Status;
using docker::Task;
using namespace std::chrono_literals;

namespace {

base::Error no() { return {Fault::engine_refused, "there is a stream of events here, and no engine"}; }

/// A stream of events, which a real engine would have only by doing what they tell. All other verbs are refused.
class Stream final : public docker::Engine {
public:
    explicit Stream(async::Executor executor) : moved_(executor) {}

    void tell(const std::string& action, std::int64_t nano) {
        docker::EngineEvent event;
        event.type = "container";
        event.action = action;
        event.id = "c" + std::to_string(nano);
        event.time_nano = nano;
        event.json = "{}";
        told_.push_back(std::move(event));
        moved_.notify_all();
    }

    Task<void> follow(std::int64_t since, std::function<void(const docker::EngineEvent&)> event,
                      std::function<void()> connected) override {
        connected();
        for (std::size_t next = 0;; ++next) {
            while (next == told_.size()) co_await moved_.wait();
            if (told_[next].time_nano > since) event(told_[next]);
        }
    }
    Task<Result<docker::Info>> info(Instant) override {
        docker::Info info;
        info.id = "e";
        co_return info;
    }
    Task<Result<std::vector<docker::ContainerSummary>>> list(std::vector<std::string>, Instant) override {
        co_return std::vector<docker::ContainerSummary>();
    }

    Task<Status> ping(Instant) override { co_return no(); }
    Task<Result<docker::Version>> version(Instant) override { co_return no(); }
    Task<Result<docker::Image>> inspect_image(std::string, Instant) override { co_return no(); }
    Task<Status> pull(std::string, std::function<void(const docker::PullProgress&)>, Instant) override {
        co_return no();
    }
    Task<Status> build(std::string, std::string, std::map<std::string, std::string>,
                       std::function<void(std::string line)>, Instant) override {
        co_return no();
    }
    Task<Result<std::vector<std::string>>> image_names(std::string, Instant) override { co_return no(); }
    Task<Status> remove_image(std::string, Instant) override { co_return no(); }
    Task<Result<std::string>> create(docker::ContainerSpec, std::string, Instant) override { co_return no(); }
    Task<Status> start(std::string, Instant) override { co_return no(); }
    Task<Status> kill(std::string, std::string, Instant) override { co_return no(); }
    Task<Status> remove(std::string, Instant) override { co_return no(); }
    Task<Result<int>> wait(std::string, std::string, Instant) override { co_return no(); }
    Task<Result<docker::ContainerState>> inspect(std::string, Instant) override { co_return no(); }
    Task<Result<std::string>> logs(std::string, int, Instant) override { co_return no(); }
    Task<void> events(std::vector<std::string>, std::function<void(const docker::EngineEvent&)>,
                      std::function<void()>) override {
        co_return;
    }

private:
    std::vector<docker::EngineEvent> told_;
    async::Condition moved_;
};

/// Triggers of the function "full", whose backlog is full while `refuse`, on "die", and of "free" on "start".
class Yard {
public:
    Yard() : clock(loop.executor()), engine(loop.executor()), tasks_(loop.executor(), log_) {
        function::Function made;
        made.spec.name = "full";
        full = made;
        start();
        add("full", "die");
        add("free", "start");
    }
    ~Yard() { stop(); }

    void start() {
        triggers_.emplace(trigger::EngineTriggers::Limits{100, 100, 10'000}, parts(), loop.executor());
        if (!loop.run(triggers_->load())) throw std::runtime_error("the triggers cannot be loaded");
        tasks_.spawn("triggers", triggers_->run());
        loop.turn();
    }
    void stop() {
        tasks_.cancel();
        loop.run(tasks_.join());
        triggers_.reset();
    }
    void tell(const std::string& action) { engine.tell(action, now_nano() + ++told_); }
    std::int64_t now_nano() { return std::chrono::nanoseconds(clock.wall().time_since_epoch()).count(); }
    void until(const std::function<bool()>& claim) {
        const auto end = std::chrono::steady_clock::now() + 30s;
        while (!claim()) {
            if (std::chrono::steady_clock::now() > end) throw std::runtime_error("what was waited for did not come");
            loop.context().restart();
            loop.context().run_one_for(20ms);
        }
    }
    std::int64_t seen() { return loop.run(stored_.seen()).value(); }

    test::Loop loop;
    test::TwoClocks clock;
    Stream engine;
    function::Function full;
    bool refuse = true;
    int refused = 0;
    std::map<std::string, int> kept;  ///< orders, by function

private:
    Task<Result<queue::Accepted>> put(queue::Order order) {
        if (refuse && order.event.function == "full") {
            ++refused;
            co_return base::Error(Fault::overloaded, "the backlog of this function is full", "backlog");
        }
        queue::Accepted accepted;
        accepted.id = "i";
        accepted.repeated = !keys_.insert(order.idempotency_key).second;
        if (!accepted.repeated) ++kept[order.event.function];
        co_return accepted;
    }
    trigger::EngineTriggers::Parts parts() {
        return {engine,
                stored_,
                ids_,
                clock,
                log_,
                [](const std::string&) { return true; },
                [this](queue::Order order) { return put(std::move(order)); },
                [this](const std::string& name) {
                    return name == "full" ? std::make_shared<const function::Function>(full) : nullptr;
                }};
    }
    void add(const std::string& function, const std::string& event) {
        const auto made = loop.run(triggers_->add(R"({"type":"engine","function":")" + function +
                                                  R"(","filters":{"event":[")" + event + R"("]}})"));
        if (!made) throw std::runtime_error(made.error().detail);
    }

    test::TemporaryDirectory directory_;
    base::Log log_{-1};
    base::RandomIds ids_;
    async::BlockingPool pool_{2U};
    std::unique_ptr<store::Store> store_ = store::Store::open(directory_.path(), pool_, log_).value();
    store::Triggers stored_{*store_};
    std::set<std::string> keys_;
    std::int64_t told_ = 0;
    std::optional<trigger::EngineTriggers> triggers_;
    async::TaskGroup tasks_;
};

}  // namespace

TEST_CASE("the full backlog of one function holds up no other's events, however many wait for it", "[trigger]") {
    Yard yard;
    for (int count = 0; count < 200; ++count) yard.tell("die");
    for (int count = 0; count < 20; ++count) yard.tell("start");
    yard.until([&] { return yard.kept["free"] == 20; });
    CHECK(yard.refused == 1);
    yard.clock.advance(1s);
    yard.until([&] { return yard.refused == 2; });
    yard.tell("start");
    yard.until([&] { return yard.kept["free"] == 21; });
    CHECK(yard.kept["full"] == 0);
    yard.refuse = false;
    yard.clock.advance(1s);
    yard.until([&] { return yard.kept["full"] == 50; });  // no more than was left to the others
}

TEST_CASE("what waits for room is there again after a restart, and what came behind it is put once", "[trigger]") {
    Yard yard;
    const auto before = yard.now_nano();
    yard.tell("die");
    yard.tell("start");
    yard.until([&] { return yard.kept["free"] == 1; });
    yard.clock.advance(1s);
    yard.until([&] { return yard.refused == 2; });
    CHECK(yard.seen() == before);
    yard.stop();
    yard.start();
    yard.until([&] { return yard.refused == 3; });
    yard.refuse = false;
    yard.clock.advance(1s);
    yard.until([&] { return yard.kept["full"] == 1; });
    CHECK(yard.kept["free"] == 1);
}

TEST_CASE("what a function's backlog can never take is given up", "[trigger]") {
    Yard yard;
    SECTION("because it takes nothing") { yard.full.spec.async.backlog = 0; }
    SECTION("because it is too large") { yard.full.spec.async.backlog_bytes = 1; }
    yard.tell("die");
    yard.tell("die");
    yard.until([&] { return yard.refused == 2; });
    yard.refuse = false;
    yard.clock.advance(1h);
    yard.tell("start");
    yard.until([&] { return yard.kept["free"] == 1; });
    CHECK(yard.kept["full"] == 0);
}

TEST_CASE("what has found no room for twelve hours is given up", "[trigger]") {
    Yard yard;
    yard.tell("die");
    yard.until([&] { return yard.refused == 1; });
    yard.clock.advance(13h);
    yard.until([&] { return yard.refused == 2; });
    yard.refuse = false;
    yard.clock.advance(1h);
    yard.tell("start");
    yard.until([&] { return yard.kept["free"] == 1; });
    CHECK(yard.kept["full"] == 0);
}
