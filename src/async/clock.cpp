// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/clock.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace shallop::async {

using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

Instant SteadyClock::now() const { return std::chrono::steady_clock::now(); }

std::chrono::system_clock::time_point SteadyClock::wall() const { return std::chrono::system_clock::now(); }

Task<void> SteadyClock::sleep_until(Instant when) {
    const auto executor = co_await boost::asio::this_coro::executor;
    Timer timer(executor, std::chrono::time_point_cast<std::chrono::steady_clock::duration>(when));
    co_await timer.async_wait(use_task);
}

}  // namespace shallop::async
