// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>

#include <boost/asio/basic_waitable_timer.hpp>

#include <chrono>

namespace shallop::async {

/// A condition variable of one loop: wait() in a `while (!claim)`, notify_all() after changing what the claim reads.
/// Must outlive its waiters.
class Condition {
public:
    explicit Condition(Executor executor) : never_(executor, std::chrono::steady_clock::time_point::max()) {}

    /// Returns after the next notify_all(); spurious returns are possible. Cancellable.
    Task<void> wait();

    void notify_all() { never_.cancel(); }

private:
    boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                      Executor>
        never_;
};

}  // namespace shallop::async
