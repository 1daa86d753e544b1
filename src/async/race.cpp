// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>

namespace shallop::async {

namespace asio = boost::asio;

Task<int> race(Task<void> first, Task<void> second) {
    const auto executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(first), asio::deferred),
                                                         asio::co_spawn(executor, std::move(second), asio::deferred));
    const asio::experimental::wait_for_one one;
    const auto ended = co_await group.async_wait(one, use_task);
    const int winner = static_cast<int>(std::get<0>(ended)[0]);
    const std::exception_ptr thrown = winner == 0 ? std::get<1>(ended) : std::get<2>(ended);
    if (thrown) std::rethrow_exception(thrown);
    co_return winner;
}

Task<void> both(Task<void> first, Task<void> second) {
    const auto executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(first), asio::deferred),
                                                         asio::co_spawn(executor, std::move(second), asio::deferred));
    const asio::experimental::wait_for_one_error one_error;
    const auto ended = co_await group.async_wait(one_error, use_task);
    const bool first_began = std::get<0>(ended)[0] == 0;
    const std::exception_ptr early = first_began ? std::get<1>(ended) : std::get<2>(ended);
    const std::exception_ptr later = first_began ? std::get<2>(ended) : std::get<1>(ended);
    if (early) std::rethrow_exception(early);
    if (later) std::rethrow_exception(later);
}

base::Error detail::late() { return {base::Fault::timed_out, "the deadline passed"}; }

}  // namespace shallop::async
