// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/store/store.h>

#include <cstdint>
#include <string>
#include <vector>

namespace shallop::store {

/// A trigger as it is kept.
struct StoredTrigger {
    std::string id;
    std::string document;  ///< trigger::format_engine_trigger
    std::string created;
    std::int64_t from_nano = 0;
};

/// The triggers, and how far the engine's events have been read. Belongs to one loop; the Store outlives it.
class Triggers {
public:
    explicit Triggers(Store& store) : store_(store) {}

    Task<Result<std::vector<StoredTrigger>>> load();
    /// Inserts or replaces; durable when it returns.
    Task<Status> put(StoredTrigger trigger);
    Task<Status> remove(std::string id);

    /// In the engine's time, in nanoseconds since 1970; 0: nothing has been read.
    Task<Result<std::int64_t>> seen();
    Task<Status> note_seen(std::int64_t nano);

private:
    Store& store_;
};

}  // namespace shallop::store
