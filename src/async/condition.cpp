// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

namespace shallop::async {

namespace asio = boost::asio;

Task<void> Condition::wait() {
    boost::system::error_code woken;
    auto token = asio::redirect_error(use_task, woken);
    co_await never_.async_wait(std::move(token));
    // A notification and a cancellation both end the wait with operation_aborted: only the second one unwinds.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(woken);
}

}  // namespace shallop::async
