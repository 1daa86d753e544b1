// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/store/schedules.h>
#include <shallop/trigger/schedule.h>

namespace shallop::trigger {

store::ScheduleNote to_note(const Schedule& schedule);
store::StoredSchedule to_store(const Schedule& schedule);
/// Faults: invalid, where its plan is none any more.
base::Result<Schedule> from_store(const store::StoredSchedule& stored);

/// The outcome of a run that was put, as long as nothing else is known.
inline constexpr const char* queued = "queued";

/// Whether how it ended may still become known.
bool has_open_end(const Run& run);

}  // namespace shallop::trigger
