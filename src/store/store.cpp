// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/store.h>

#include "store/database.h"

#include <boost/asio/this_coro.hpp>

namespace shallop::store {

Store::Store(std::unique_ptr<Database> database, async::BlockingPool& pool)
    : database_(std::move(database)), pool_(pool) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& directory, async::BlockingPool& pool, base::Log& log,
                                           Limits limits) {
    auto database = Database::open(directory, log, limits);
    if (!database) return database.error();
    return std::unique_ptr<Store>(new Store(std::move(*database), pool));
}

const std::string& Store::daemon_id() const { return database_->daemon_id(); }

bool Store::degraded() const { return database_->degraded(); }

Task<async::Semaphore::Permit> Store::turn() {
    const auto executor = co_await boost::asio::this_coro::executor;
    if (!turn_) turn_.emplace(executor, 1);
    co_return co_await turn_->acquire();
}

Task<Result<std::vector<StoredFunction>>> Store::load_functions() {
    const auto mine = co_await turn();
    auto work = [this] { return database_->load_functions(); };
    co_return co_await pool_.run(work);
}

Task<Status> Store::put_function(StoredFunction function) {
    std::vector<StoredFunction> one;
    one.push_back(std::move(function));
    co_return co_await put_functions(std::move(one));
}

Task<Status> Store::put_functions(std::vector<StoredFunction> functions) {
    const auto mine = co_await turn();
    auto work = [this, &functions] { return database_->put_functions(functions); };
    co_return co_await pool_.run(work);
}

Task<Status> Store::remove_function(std::string name) {
    const auto mine = co_await turn();
    auto work = [this, &name] { return database_->remove_function(name); };
    co_return co_await pool_.run(work);
}

Task<Result<std::int64_t>> Store::last_version(std::string name) {
    const auto mine = co_await turn();
    auto work = [this, &name] { return database_->last_version(name); };
    co_return co_await pool_.run(work);
}

}  // namespace shallop::store
