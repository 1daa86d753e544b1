// SPDX-License-Identifier: Apache-2.0
#include "trigger/stored.h"

namespace shallop::trigger {
namespace {

std::int64_t number(Tick tick) { return tick.time_since_epoch().count(); }

Tick tick(std::int64_t number) { return Tick(std::chrono::seconds(number)); }

}  // namespace

store::ScheduleNote to_note(const Schedule& schedule) {
    store::ScheduleNote note;
    note.id = schedule.id;
    note.done = number(schedule.done);
    note.rewinds = schedule.rewinds;
    if (!schedule.last) return note;
    note.last_tick = number(schedule.last->tick);
    note.last_invocation = schedule.last->invocation;
    note.last_outcome = schedule.last->outcome;
    return note;
}

store::StoredSchedule to_store(const Schedule& schedule) {
    return {schedule.function,        format_plan(schedule.plan), number(schedule.created),
            number(schedule.updated), number(schedule.anchor),    to_note(schedule)};
}

base::Result<Schedule> from_store(const store::StoredSchedule& stored) {
    PlanLimits limits;
    limits.document_bytes *= 4;  // what was accepted once is read again, though escapes can make it longer
    auto plan = parse_plan(stored.plan, limits);
    if (!plan) return plan.error();
    Schedule schedule;
    schedule.id = stored.note.id;
    schedule.function = stored.function;
    schedule.plan = std::move(*plan);
    schedule.created = tick(stored.created);
    schedule.updated = tick(stored.updated);
    schedule.anchor = tick(stored.anchor);
    schedule.done = tick(stored.note.done);
    schedule.rewinds = stored.note.rewinds;
    if (!stored.note.last_outcome.empty())
        schedule.last = Run{tick(stored.note.last_tick), stored.note.last_invocation, stored.note.last_outcome};
    return schedule;
}

bool has_open_end(const Run& run) {
    return !run.invocation.empty() && (run.outcome == queued || run.outcome == "running");
}

}  // namespace shallop::trigger
