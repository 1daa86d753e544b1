// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>

#include <boost/asio/thread_pool.hpp>

#include <exception>
#include <functional>
#include <optional>

namespace shallop::async {

/// A few threads for work that blocks (SQLite, archives), so that the loop never does.
///
/// Work queued here runs to its end even if the waiting Task is cancelled: the Task unwinds after it. Outlive all callers.
class BlockingPool {
public:
    explicit BlockingPool(unsigned threads) : pool_(threads) {}
    ~BlockingPool() { pool_.join(); }

    /// Runs `work()` on a pool thread, back on the loop with what it returned or threw.
    template <typename F, typename R = std::invoke_result_t<F>>
    Task<R> run(F work) {
        std::optional<R> result;
        const std::function<void()> erased = [&] { result.emplace(work()); };
        co_await run_erased(erased);
        co_return std::move(*result);
    }

    /// Runs `work`, which throws nothing, some time; nobody waits for it but the destructor.
    void post(std::function<void()> work);

private:
    Task<void> run_erased(const std::function<void()>& work);

    boost::asio::thread_pool pool_;
};

}  // namespace shallop::async
