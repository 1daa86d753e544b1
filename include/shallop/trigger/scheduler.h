// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/id.h>
#include <shallop/base/log.h>
#include <shallop/store/store.h>
#include <shallop/trigger/runs.h>
#include <shallop/trigger/schedule.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace shallop::trigger {

using async::Task;
using base::Result;
using base::Status;

/// Keeps the schedules, and puts their ticks when they are due.
///
/// A tick is put under the idempotency key "ID@TIME" and noted afterwards: after a crash in between it is put again and is the same run. Where the clock was
/// wrong by more than due() waits for, its time comes again and is a run of its own: the key ends with "/" and Schedule::rewinds.
/// Schedules go by the wall clock, which is looked at when something is due and at least every Settings::recheck, so that a clock that is set is noticed.
///
/// Belongs to one loop; outlives its calls. One change at a time: each is durable before it is answered.
class Scheduler {
public:
    struct Settings {
        std::size_t schedules = 10'000;
        std::size_t of_a_function = 100;
        base::Duration recheck = std::chrono::seconds(30);
        base::Duration retry = std::chrono::seconds(5);  ///< after a tick could not be put
        std::size_t round = 64;                          ///< schedules looked at before a change may come between
        int puts_in_flight = 8;
    };
    struct Parts {
        store::Store& store;
        Runs& runs;
        async::Clock& clock;
        base::IdSource& ids;
        base::Log& log;
        std::function<bool(const std::string& function)> function_there{};  ///< empty: all are
    };

    Scheduler(Settings settings, Parts parts, async::Executor executor);

    /// Reads everything from the store. A stored schedule that cannot be read any more is left out and logged.
    Task<Status> load();

    /// Puts ticks until it is cancelled.
    Task<void> run();

    /// Faults: invalid (pointer), too_large, conflict (a limit), not_found (the function is gone), storage.
    Task<Result<SchedulePtr>> add(std::string function, std::string document);
    /// Ticks before the change are dealt with; with a new expression @every counts from now. Faults of add().
    Task<Result<SchedulePtr>> patch(std::string id, std::string document);
    /// Ticks of a pause are not missed: after it, the next one is the next. Faults: not_found, storage.
    Task<Result<SchedulePtr>> set_paused(std::string id, bool paused);
    Task<Status> remove(std::string id);
    /// Runs it at once, beside its ticks and whatever runs of it. The invocation's id. Faults: not_found, those of Runs::put().
    Task<Result<std::string>> run_now(std::string id);

    /// With the newest that is known of its last run. Faults: not_found.
    Task<Result<SchedulePtr>> show(std::string id);
    /// Those after the id `after`, in the order of their making; "": of all functions, from the first.
    Task<std::vector<SchedulePtr>> list(std::string function, std::string after, std::size_t most);

    /// A function is gone, and its schedules with it: the store knows already.
    void forget(const std::string& function);

    std::size_t size() const { return entries_.size(); }
    Tick now() const;

private:
    struct Entry {
        SchedulePtr schedule;
        std::optional<Tick> wake;
    };
    /// One schedule in a round.
    struct Job {
        Schedule schedule;  ///< as it will be
        Due due;
        bool again = false;  ///< something could not be put
        bool noteworthy = false;
    };

    SchedulePtr find(const std::string& id) const;
    Status check_room(const std::string& function) const;
    void arm(Schedule schedule);
    void set_wake(Entry& entry, std::optional<Tick> wake);
    void erase(const std::string& id);
    Task<Result<SchedulePtr>> keep(Schedule schedule);
    Task<Result<SchedulePtr>> change(Schedule schedule, Plan plan);
    Task<SchedulePtr> refreshed(SchedulePtr schedule);

    void rearm_all();
    Task<bool> round();
    Task<void> work_off(std::vector<Job>& jobs, std::size_t& next, int workers);
    Task<void> work(std::vector<Job>& jobs, std::size_t& next);
    Task<void> put_ticks(Job& job);
    Task<bool> may_run(Schedule& schedule, Tick tick);
    Task<bool> put_tick(Schedule& schedule, Tick tick);
    Task<void> note(const std::vector<Job>& jobs);
    void settle(Job& job);
    Task<void> wait();
    Task<void> told();

    Settings settings_;
    Parts parts_;
    std::map<std::string, Entry> entries_;          ///< by id, which sort by their making
    std::set<std::pair<Tick, std::string>> wakes_;  ///< when to look at which
    Tick looked_{};                                 ///< the wall clock when it was last looked at
    bool told_ = false;                             ///< something changed that run() waits for
    async::Condition changed_;
    async::Semaphore writer_;
};

}  // namespace shallop::trigger
