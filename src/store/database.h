// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/directory.h"
#include "store/sqlite.h"

#include <shallop/async/semaphore.h>
#include <shallop/store/store.h>

#include <atomic>
#include <functional>
#include <optional>

namespace shallop::store {

/// The open file and its statements: blocking, used by one thread at a time.
class Store::Database {
public:
    static Result<std::unique_ptr<Database>> open(const std::string& directory, base::Log& log, Limits limits);
    ~Database();

    Result<std::vector<StoredFunction>> load_functions();
    Status put_functions(const std::vector<StoredFunction>& functions);
    Status remove_function(const std::string& name);
    Result<std::int64_t> last_version(const std::string& name);

    /// Between BEGIN and COMMIT, or undone: all or nothing, and on the disk when it returns without a fault.
    Status transact(const std::function<Outcome<void>()>& rows);
    Status refused(const Failure& failure, std::string_view doing);
    Connection& connection() { return connection_; }

    const std::string& daemon_id() const { return daemon_id_; }
    bool degraded() const { return degraded_; }

private:
    Database(base::Log& log, Limits limits) : log_(log), limits_(limits) {}

    Status check_integrity();
    Status check_owner();
    Status configure();
    Status bring_up_to_date();
    Status find_daemon_id();
    Status prepare();
    Outcome<void> put_row(const StoredFunction& function);

    base::Log& log_;
    Limits limits_;
    std::optional<Directory> directory_;  ///< outlives the connection: the lock goes last
    Connection connection_;
    Statement begin_, commit_, rollback_, load_, put_, put_name_, remove_, retire_name_, forget_names_, last_version_;
    std::string daemon_id_;
    std::atomic<bool> degraded_ = false;  ///< read from the loop while a pool thread writes
};

}  // namespace shallop::store
