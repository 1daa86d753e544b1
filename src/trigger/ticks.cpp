// SPDX-License-Identifier: Apache-2.0
// The ticks: when to look, and what is put.
#include <shallop/async/race.h>
#include <shallop/trigger/scheduler.h>

#include <algorithm>

#include "trigger/stored.h"

namespace shallop::trigger {
namespace {

using base::Error;

bool is_active(const std::string& state) { return state == queued || state == "running"; }

Order order_of(const Schedule& schedule, Tick tick) {
    Order order;
    order.event = event_of(schedule, tick);
    order.body = schedule.plan.body;
    order.origin = "schedule:" + schedule.id;
    // Also where a note of the run before was lost in a crash, the two do not overlap.
    if (schedule.plan.overlap == Overlap::forbid) order.ordering_key = order.origin;
    return order;
}

/// The same for one tick after a crash; another one for a tick that comes again, because the clock was wrong the first time.
std::string key_of(const Schedule& schedule, Tick tick) {
    auto key = schedule.id + "@" + format_local(tick, Zone());
    if (schedule.rewinds > 0) key += "/" + std::to_string(schedule.rewinds);
    return key;
}

}  // namespace

Task<void> Scheduler::run() {
    for (;;) {
        told_ = false;
        if (now() < looked_) rearm_all();
        looked_ = now();
        for (bool more = true; more;) more = co_await round();
        co_await wait();
    }
}

/// The clock has been set back: what was far off may be near.
void Scheduler::rearm_all() {
    parts_.log.warn("the wall clock has been set back", {{"by_seconds", (looked_ - now()).count()}});
    std::vector<SchedulePtr> all;
    for (const auto& [id, entry] : entries_) all.push_back(entry.schedule);
    for (const auto& one : all) arm(*one);
}

/// Looks at some of those whose time has come; false where there are none.
Task<bool> Scheduler::round() {
    const auto writing = co_await writer_.acquire();
    const auto time = now();
    std::vector<Job> jobs;
    for (auto at = wakes_.begin(); at != wakes_.end() && at->first <= time && jobs.size() < settings_.round; ++at) {
        const auto schedule = find(at->second);
        auto& job = jobs.emplace_back(Job{*schedule, due(*schedule, time)});
        job.noteworthy = job.due.set_back;
        if (job.due.set_back) ++job.schedule.rewinds;
    }
    if (jobs.empty()) co_return false;
    std::size_t next = 0;
    co_await work_off(jobs, next, settings_.puts_in_flight);
    for (auto& job : jobs) settle(job);
    co_await note(jobs);
    co_return true;
}

/// `workers` at a time. Unlike a TaskGroup of its own, all of them have unwound when this has.
Task<void> Scheduler::work_off(std::vector<Job>& jobs, std::size_t& next, int workers) {
    if (workers <= 1 || next + 1 >= jobs.size()) {
        co_await work(jobs, next);
        co_return;
    }
    auto one = work(jobs, next);
    auto others = work_off(jobs, next, workers - 1);
    co_await async::both(std::move(one), std::move(others));
}

Task<void> Scheduler::work(std::vector<Job>& jobs, std::size_t& next) {
    while (next < jobs.size()) {
        auto& job = jobs[next++];
        co_await put_ticks(job);
    }
}

Task<void> Scheduler::put_ticks(Job& job) {
    auto& schedule = job.schedule;
    // Ticks that come all at once wait for each other by their ordering key: of them the first alone is asked.
    const bool together = schedule.plan.overlap == Overlap::forbid;
    bool first = true;
    for (const auto tick : job.due.ticks) {
        const bool ask = first || !together;
        first = false;
        bool fine = true;
        if (ask) fine = co_await may_run(schedule, tick);
        if (fine) job.again = !co_await put_tick(schedule, tick);
        if (job.again) co_return;
        job.noteworthy = true;
        schedule.done = tick;
    }
    schedule.done = job.due.done;
}

/// What the plan says of a run before that has not ended.
Task<bool> Scheduler::may_run(Schedule& schedule, Tick tick) {
    const auto overlap = schedule.plan.overlap;
    if (overlap == Overlap::allow || !schedule.last || schedule.last->invocation.empty()) co_return true;
    const auto before = schedule.last->invocation;
    const auto state = co_await parts_.runs.state(before);
    if (!state || !is_active(*state)) co_return true;
    if (overlap == Overlap::forbid) {
        schedule.last = Run{tick, before, "skipped: the run before is " + *state};
        parts_.log.info("a tick is skipped, because the run before has not ended",
                        {{"schedule", schedule.id}, {"function", schedule.function}, {"invocation", before}});
        co_return false;
    }
    const auto cancelled = co_await parts_.runs.cancel(before);
    if (!cancelled) {
        parts_.log.warn("the run before could not be cancelled",
                        {{"schedule", schedule.id}, {"invocation", before}, {"reason", cancelled.error().detail}});
    }
    co_return true;
}

/// False where it is to be tried again.
Task<bool> Scheduler::put_tick(Schedule& schedule, Tick tick) {
    auto order = order_of(schedule, tick);
    order.idempotency_key = key_of(schedule, tick);
    auto put = co_await parts_.runs.put(std::move(order));
    if (put) {
        if (put->repeated) {
            parts_.log.info("a tick had been put before, and is that run", {{"schedule", schedule.id},
                                                                            {"function", schedule.function},
                                                                            {"tick", format_local(tick, Zone())},
                                                                            {"invocation", put->id}});
        }
        schedule.last = Run{tick, std::move(put->id), queued};
        co_return true;
    }
    const auto& error = put.error();
    const bool again = base::retryable(error.fault);
    parts_.log.warn(again ? "a tick cannot be put now, and is tried again" : "a tick cannot be put",
                    {{"schedule", schedule.id}, {"function", schedule.function}, {"reason", error.detail}});
    const auto before = schedule.last ? schedule.last->invocation : std::string();
    if (!again) schedule.last = Run{tick, before, "refused: " + error.detail};
    co_return !again;
}

/// Takes over what came of a job. The schedule itself may have gone with its function meanwhile.
void Scheduler::settle(Job& job) {
    const auto at = entries_.find(job.schedule.id);
    if (at == entries_.end()) return;
    if (job.due.missed && !job.again) {
        job.noteworthy = true;
        parts_.log.warn("ticks were missed and are not made up for",
                        {{"schedule", job.schedule.id}, {"function", job.schedule.function}});
    }
    at->second.schedule = std::make_shared<const Schedule>(job.schedule);
    const auto later = now() + std::chrono::ceil<std::chrono::seconds>(settings_.retry);
    set_wake(at->second, job.again ? later : job.due.wake);
}

Task<void> Scheduler::note(const std::vector<Job>& jobs) {
    std::vector<store::ScheduleNote> notes;
    for (const auto& job : jobs) {
        if (job.noteworthy) notes.push_back(to_note(job.schedule));
    }
    if (notes.empty()) co_return;
    const auto noted = co_await parts_.store.note_schedules(std::move(notes));
    if (noted) co_return;
    parts_.log.error("what became of ticks could not be noted", {{"reason", noted.error().detail}});
}

Task<Result<std::string>> Scheduler::run_now(std::string id) {
    const auto writing = co_await writer_.acquire();
    const auto schedule = find(id);
    if (!schedule) co_return Error(base::Fault::not_found, "there is no schedule '" + id.substr(0, 40) + "'");
    auto order = order_of(*schedule, now());
    auto put = co_await parts_.runs.put(std::move(order));
    if (!put) co_return put.error();
    const auto at = entries_.find(id);
    if (at == entries_.end()) co_return std::move(put->id);
    std::vector<Job> jobs;
    jobs.push_back({*at->second.schedule, {}, false, true});
    jobs.front().schedule.last = Run{now(), put->id, queued};
    at->second.schedule = std::make_shared<const Schedule>(jobs.front().schedule);
    co_await note(jobs);
    co_return std::move(put->id);
}

Task<void> Scheduler::wait() {
    const auto wall = parts_.clock.wall();
    auto pause = settings_.recheck;
    if (!wakes_.empty()) {
        const auto left = std::chrono::duration_cast<base::Duration>(wakes_.begin()->first - wall);
        pause = std::clamp(left, base::Duration::zero(), pause);
    }
    auto slept = parts_.clock.sleep_for(pause);
    auto changed = told();
    co_await async::race(std::move(slept), std::move(changed));
}

Task<void> Scheduler::told() {
    while (!told_) co_await changed_.wait();
}

}  // namespace shallop::trigger
