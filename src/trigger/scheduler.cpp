// SPDX-License-Identifier: Apache-2.0
// The schedules: what there is, and each change to it.
#include <shallop/trigger/scheduler.h>

#include <algorithm>

#include "trigger/stored.h"

namespace shallop::trigger {
namespace {

using base::Error;
using base::Fault;

Error unknown(const std::string& id) {
    return {Fault::not_found,
            "there is no schedule '" + id.substr(0, 40) + "'; GET /v1/schedules lists those there are"};
}

}  // namespace

Scheduler::Scheduler(Settings settings, Parts parts, async::Executor executor)
    : settings_(settings), parts_(std::move(parts)), changed_(executor), writer_(executor, 1) {}

Tick Scheduler::now() const { return std::chrono::floor<std::chrono::seconds>(parts_.clock.wall()); }

Task<Status> Scheduler::load() {
    const auto writing = co_await writer_.acquire();
    auto all = co_await parts_.store.load_schedules();
    if (!all) co_return all.error();
    looked_ = now();
    for (auto& stored : *all) {
        auto schedule = from_store(stored);
        if (schedule) {
            arm(std::move(*schedule));
        } else {
            parts_.log.error("a stored schedule cannot be read and is left out; make it again",
                             {{"schedule", stored.note.id},
                              {"function", stored.function},
                              {"at", schedule.error().pointer},
                              {"reason", schedule.error().detail}});
        }
    }
    co_return Status();
}

SchedulePtr Scheduler::find(const std::string& id) const {
    const auto at = entries_.find(id);
    return at == entries_.end() ? nullptr : at->second.schedule;
}

void Scheduler::set_wake(Entry& entry, std::optional<Tick> wake) {
    const auto& id = entry.schedule->id;
    if (entry.wake) wakes_.erase({*entry.wake, id});
    entry.wake = wake;
    if (wake) wakes_.insert({*wake, id});
    told_ = true;
    changed_.notify_all();
}

/// The schedule as it is from now on, and when to look at it.
void Scheduler::arm(Schedule schedule) {
    const auto time = now();
    const auto found = due(schedule, time);
    auto& entry = entries_[schedule.id];
    if (entry.wake) wakes_.erase({*entry.wake, schedule.id});
    entry.wake.reset();
    entry.schedule = std::make_shared<const Schedule>(std::move(schedule));
    set_wake(entry, found.ticks.empty() && !found.missed && !found.set_back ? found.wake : time);
}

void Scheduler::erase(const std::string& id) {
    const auto at = entries_.find(id);
    if (at == entries_.end()) return;
    if (at->second.wake) wakes_.erase({*at->second.wake, id});
    entries_.erase(at);
}

void Scheduler::forget(const std::string& function) {
    std::vector<std::string> gone;
    for (const auto& [id, entry] : entries_) {
        if (entry.schedule->function == function) gone.push_back(id);
    }
    for (const auto& id : gone) erase(id);
}

Status Scheduler::check_room(const std::string& function) const {
    const auto most = settings_.of_a_function;
    const auto own = static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [&](const auto& one) { return one.second.schedule->function == function; }));
    if (own >= most) {
        return Error(Fault::conflict, "function '" + function + "' has " + std::to_string(most) +
                                          " schedules, which is the limit: remove one");
    }
    if (entries_.size() >= settings_.schedules) {
        return Error(Fault::conflict,
                     "there are " + std::to_string(settings_.schedules) + " schedules, which is the limit: remove one");
    }
    return {};
}

Task<Result<SchedulePtr>> Scheduler::add(std::string function, std::string document) {
    auto plan = parse_plan(document);
    if (!plan) co_return plan.error();
    const auto writing = co_await writer_.acquire();
    if (const auto room = check_room(function); !room) co_return room.error();
    const auto time = now();
    Schedule made;
    made.id = parts_.ids.next();
    made.function = std::move(function);
    made.plan = std::move(*plan);
    made.created = made.updated = made.anchor = made.done = time;
    auto kept = co_await keep(std::move(made));
    if (!kept) co_return kept;
    const auto& one = **kept;
    parts_.log.info("schedule made",
                    {{"schedule", one.id}, {"function", one.function}, {"cron", one.plan.cron.text()}});
    co_return kept;
}

/// The disk, then the memory; by the holder of the turn.
Task<Result<SchedulePtr>> Scheduler::keep(Schedule schedule) {
    auto stored = to_store(schedule);
    const auto done = co_await parts_.store.put_schedule(std::move(stored));
    if (!done) co_return done.error();
    const auto id = schedule.id;
    if (parts_.function_there && !parts_.function_there(schedule.function)) {
        // Removed since this was asked for, perhaps before our row was there to be removed with it.
        const auto removed = co_await parts_.store.remove_schedule(id);
        erase(id);
        if (!removed) co_return removed.error();
        co_return Error(Fault::not_found, "function '" + schedule.function + "' has been removed");
    }
    arm(std::move(schedule));
    co_return find(id);
}

Task<Result<SchedulePtr>> Scheduler::patch(std::string id, std::string document) {
    const auto writing = co_await writer_.acquire();
    const auto before = find(id);
    if (!before) co_return unknown(id);
    auto plan = patch_plan(before->plan, document);
    if (!plan) co_return plan.error();
    co_return co_await change(*before, std::move(*plan));
}

Task<Result<SchedulePtr>> Scheduler::set_paused(std::string id, bool paused) {
    const auto writing = co_await writer_.acquire();
    const auto before = find(id);
    if (!before) co_return unknown(id);
    auto plan = before->plan;
    plan.paused = paused;
    co_return co_await change(*before, std::move(plan));
}

Task<Result<SchedulePtr>> Scheduler::change(Schedule schedule, Plan plan) {
    const auto& before = schedule.plan;
    if (format_plan(before) == format_plan(plan)) co_return find(schedule.id);
    const auto time = now();
    const bool other_times = before.cron.text() != plan.cron.text() || before.zone.name() != plan.zone.name();
    if (before.cron.text() != plan.cron.text()) schedule.anchor = time;
    if (other_times || (before.paused && !plan.paused)) {
        if (due(schedule, time).set_back) ++schedule.rewinds;
        schedule.done = time;
    }
    schedule.updated = time;
    schedule.plan = std::move(plan);
    co_return co_await keep(std::move(schedule));
}

Task<Status> Scheduler::remove(std::string id) {
    const auto writing = co_await writer_.acquire();
    const auto before = find(id);
    if (!before) co_return unknown(id);
    const auto removed = co_await parts_.store.remove_schedule(id);
    if (!removed) co_return removed;
    erase(id);
    parts_.log.info("schedule removed", {{"schedule", id}, {"function", before->function}});
    co_return Status();
}

/// A copy with what became of its last run, where that was not known yet.
Task<SchedulePtr> Scheduler::refreshed(SchedulePtr schedule) {
    if (!schedule->last || !has_open_end(*schedule->last)) co_return schedule;
    auto invocation = schedule->last->invocation;
    auto state = co_await parts_.runs.state(std::move(invocation));
    if (!state || state->empty() || *state == schedule->last->outcome) co_return schedule;
    auto newer = *schedule;
    newer.last->outcome = std::move(*state);
    co_return std::make_shared<const Schedule>(std::move(newer));
}

Task<Result<SchedulePtr>> Scheduler::show(std::string id) {
    auto found = find(id);
    if (!found) co_return unknown(id);
    co_return co_await refreshed(std::move(found));
}

Task<std::vector<SchedulePtr>> Scheduler::list(std::string function, std::string after, std::size_t most) {
    std::vector<SchedulePtr> all;
    for (auto at = entries_.upper_bound(after); at != entries_.end() && all.size() < most; ++at) {
        if (function.empty() || at->second.schedule->function == function) all.push_back(at->second.schedule);
    }
    for (auto& one : all) {
        auto newer = co_await refreshed(one);
        one = std::move(newer);
    }
    co_return all;
}

}  // namespace shallop::trigger
