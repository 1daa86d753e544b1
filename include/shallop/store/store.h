// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/async/semaphore.h>
#include <shallop/base/log.h>
#include <shallop/function/spec.h>
#include <shallop/store/schedules.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shallop::store {

using async::Task;
using base::Result;
using base::Status;

/// A function as it is kept: the documents are function::format_spec and format_image.
struct StoredFunction {
    std::string name;
    std::int64_t version = 1;
    std::string spec;
    std::string image;
    std::string etag, created, updated;
    std::string origin{};  ///< function::Function::origin
};

struct Limits {
    std::int64_t remembered_removals = 10'000;
};

/// All SQL lives here: one SQLite file in WAL mode with synchronous=FULL (a 2xx answer follows an fsync), one writer.
///
/// Statements run on the BlockingPool, one at a time. A full disk is Fault::storage, and later calls work again once there is room.
/// Belongs to one loop; outlives its calls. A call that is cancelled while its statement runs unwinds after it, with its result
/// returned: what was written is never left unknown.
class Store {
public:
    /// Opens or creates DIR/shallop.db (0600), migrates it, checks integrity after an unclean stop. Blocks: for the start only.
    /// Faults: storage (unreadable, corrupt, from a newer Shallop: the detail says what to do), conflict (another daemon holds the directory).
    static Result<std::unique_ptr<Store>> open(const std::string& directory, async::BlockingPool& pool, base::Log& log,
                                               Limits limits = {});
    ~Store();

    /// The identity of this data directory, made once: the value of the label shallop.daemon.
    const std::string& daemon_id() const;

    Task<Result<std::vector<StoredFunction>>> load_functions();
    /// Inserts or replaces; durable when it returns.
    Task<Status> put_function(StoredFunction function);
    /// All or none.
    Task<Status> put_functions(std::vector<StoredFunction> functions);
    /// And its schedules.
    Task<Status> remove_function(std::string name);
    /// The highest version a name ever had, 0 if none. That of a removed function is kept for the last Limits::remembered_removals, so
    /// that one that comes back goes on counting.
    Task<Result<std::int64_t>> last_version(std::string name);

    Task<Result<std::vector<StoredSchedule>>> load_schedules();
    /// Inserts or replaces; durable when it returns.
    Task<Status> put_schedule(StoredSchedule schedule);
    /// All or none; those that are gone are passed over.
    Task<Status> note_schedules(std::vector<ScheduleNote> notes);
    Task<Status> remove_schedule(std::string id);

    /// Whether the last write failed for want of space.
    bool degraded() const;

private:
    friend class Events;
    friend class Secrets;
    friend class Tokens;
    friend class Triggers;
    class Database;
    Store(std::unique_ptr<Database> database, async::BlockingPool& pool);
    Task<async::Semaphore::Permit> turn();

    std::unique_ptr<Database> database_;
    async::BlockingPool& pool_;
    std::optional<async::Semaphore> turn_;  ///< one statement at a time; made by the first call, which knows the loop
};

}  // namespace shallop::store
