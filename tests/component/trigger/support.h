// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task_group.h>
#include <shallop/trigger/scheduler.h>

#include "support/loop.h"
#include "support/temporary_directory.h"

#include <map>
#include <stdexcept>

namespace shallop::test {

/// Monotonic and wall time that move when told; the wall clock can be set besides.
class TwoClocks final : public async::Clock {
public:
    explicit TwoClocks(async::Executor executor) : moved_(executor) {}

    async::Instant now() const override { return now_; }
    std::chrono::system_clock::time_point wall() const override { return wall_; }
    async::Task<void> sleep_until(async::Instant when) override {
        while (now_ < when) co_await moved_.wait();
    }
    void advance(std::chrono::seconds by) {
        now_ += by;
        wall_ += by;
        moved_.notify_all();
    }
    void set_wall(trigger::Tick to) { wall_ = to; }

private:
    async::Instant now_{std::chrono::hours(1000)};
    std::chrono::system_clock::time_point wall_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
    async::Condition moved_;
};

/// What a queue does with orders, as far as triggers see it: it keeps them, once for each key. Outlives every Scheduler, as the queue's
/// database outlives a crash.
class KeptRuns final : public trigger::Runs {
public:
    struct Kept {
        trigger::Order order;
        std::string id, state = "queued";
    };

    async::Task<base::Result<trigger::Accepted>> put(trigger::Order order) override {
        ++puts;
        if (fault) co_return base::Error(*fault, "the test says so");
        const auto known = by_key.find(order.idempotency_key);
        if (known != by_key.end()) co_return trigger::Accepted{known->second, true};
        const auto id = "inv-" + std::to_string(kept.size() + 1);
        if (!order.idempotency_key.empty()) by_key[order.idempotency_key] = id;
        kept.push_back({std::move(order), id});
        if (stop_after_put != nullptr) {
            // As if the process ended here: durable, and nobody told.
            co_await stop_after_put->wait();
        }
        co_return trigger::Accepted{id};
    }
    async::Task<base::Result<std::string>> state(std::string invocation) override {
        for (const auto& one : kept) {
            if (one.id == invocation) co_return one.state;
        }
        co_return std::string();
    }
    async::Task<base::Status> cancel(std::string invocation) override {
        cancelled.push_back(invocation);
        for (auto& one : kept) {
            if (one.id == invocation) one.state = "cancelled";
        }
        co_return base::Status();
    }
    void end_all() {
        for (auto& one : kept) one.state = "succeeded";
    }
    /// The ticks of what was put, as the events tell them.
    std::vector<std::string> times() const {
        std::vector<std::string> all;
        for (const auto& one : kept) all.push_back(*base::find_field(one.order.event.fields, "Shallop-Scheduled-Time"));
        return all;
    }

    std::vector<Kept> kept;
    std::map<std::string, std::string> by_key;
    std::vector<std::string> cancelled;
    std::size_t puts = 0;
    std::optional<base::Fault> fault;
    async::Condition* stop_after_put = nullptr;
};

/// A directory, a clock and kept runs, which outlive what is built on them: a Scheduler with its store, which can be killed.
class Harbour {
public:
    Harbour() : clock(loop.executor()) {}
    ~Harbour() { kill(); }

    void start(trigger::Scheduler::Settings settings = {}) {
        pool_.emplace(2U);
        store_ = store::Store::open(directory_.path(), *pool_, log_).value();
        scheduler_.emplace(settings, parts(), loop.executor());
        const auto loaded = loop.run(scheduler_->load());
        if (!loaded) throw std::runtime_error(loaded.error().detail);
        tasks_.emplace(loop.executor(), log_);
        tasks_->spawn("scheduler", scheduler_->run());
        settle();
    }
    /// Cuts everything where it is.
    void kill() {
        if (!tasks_) return;
        tasks_->cancel();
        loop.run(tasks_->join());
        tasks_.reset();
        scheduler_.reset();
        store_.reset();
        pool_.reset();
    }
    trigger::Scheduler& scheduler() { return *scheduler_; }
    store::Store& store() { return *store_; }

    /// Runs the loop until `claim` holds.
    template <typename F>
    void until(F claim) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!claim()) {
            if (std::chrono::steady_clock::now() > end) throw std::runtime_error("what was waited for did not come");
            loop.context().restart();
            loop.context().run_one_for(std::chrono::milliseconds(20));
        }
    }
    /// Until the scheduler waits for time to pass: a change that is refused takes its turn after what runs.
    void settle() {
        for (int turn = 0; turn < 3; ++turn) {
            loop.turn();
            const auto refused = loop.run(scheduler_->remove("none"));
            if (refused) throw std::logic_error("there is a schedule 'none'");
        }
    }
    void advance(std::chrono::seconds by) {
        clock.advance(by);
        settle();
    }
    std::string add(const std::string& function, const std::string& document) {
        const auto made = loop.run(scheduler_->add(function, document));
        if (!made) throw std::runtime_error(made.error().detail);
        settle();
        return (*made)->id;
    }
    trigger::SchedulePtr show(const std::string& id) { return loop.run(scheduler_->show(id)).value(); }

    Loop loop;
    TwoClocks clock;
    KeptRuns runs;
    std::function<bool(const std::string&)> function_there;

private:
    trigger::Scheduler::Parts parts() { return {*store_, runs, clock, ids_, log_, function_there}; }

    TemporaryDirectory directory_;
    base::Log log_{-1};
    base::RandomIds ids_;
    std::optional<async::BlockingPool> pool_;
    std::unique_ptr<store::Store> store_;
    std::optional<trigger::Scheduler> scheduler_;
    std::optional<async::TaskGroup> tasks_;
};

}  // namespace shallop::test
