// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/blocking_pool.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

namespace shallop::async {

namespace asio = boost::asio;

void BlockingPool::post(std::function<void()> work) { asio::post(pool_, std::move(work)); }

Task<void> BlockingPool::run_erased(const std::function<void()>& work) {
    const auto executor = co_await asio::this_coro::executor;
    std::exception_ptr thrown;
    auto start = [this, executor, &work, &thrown](auto handler) {
        // The loop stays alive until the work is back on it.
        auto guard = asio::make_work_guard(executor);
        asio::post(pool_, [executor, &work, &thrown, guard = std::move(guard), handler = std::move(handler)]() mutable {
            try {
                work();
            } catch (...) {
                thrown = std::current_exception();
            }
            asio::post(executor, std::move(handler));
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(start, use_task);
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace shallop::async
