// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace shallop::store {

/// What changes with each tick of a schedule. Times are seconds since 1970.
struct ScheduleNote {
    std::string id;
    std::int64_t done = 0;  ///< all ticks up to it have been dealt with
    std::int64_t last_tick = 0;
    std::string last_invocation, last_outcome;  ///< no outcome: there was no run
    std::int64_t rewinds{};                     ///< how often `done` went back because the clock had been wrong
};

/// A schedule as it is kept: the plan is what trigger::format_plan writes.
struct StoredSchedule {
    std::string function, plan;
    std::int64_t created = 0, updated = 0, anchor = 0;
    ScheduleNote note{};  ///< and its id
};

}  // namespace shallop::store
