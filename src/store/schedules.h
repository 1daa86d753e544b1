// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite.h"

#include <shallop/store/schedules.h>

#include <vector>

namespace shallop::store {

/// The table of schedules. Each call is part of a transaction of the Database's, or a read by itself.
class Schedules {
public:
    Outcome<void> prepare(Connection& connection);

    Outcome<std::vector<StoredSchedule>> load();
    Outcome<void> put(const StoredSchedule& schedule);
    /// Changes nothing where there is no such schedule any more.
    Outcome<void> note(const ScheduleNote& note);
    Outcome<void> remove(const std::string& id);
    Outcome<void> remove_of(const std::string& function);

private:
    Statement load_, put_, note_, remove_, remove_of_;
};

}  // namespace shallop::store
