// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/race.h>
#include <shallop/async/task.h>

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <optional>

namespace shallop::test {

/// A loop for one test: `run(task)` runs it, and whatever it needs, to its end and returns its value. A test that does not end within `limit`
/// fails with timed_out thrown, instead of hanging.
class Loop {
public:
    boost::asio::io_context& context() { return context_; }
    async::Executor executor() { return context_.get_executor(); }
    async::SteadyClock& clock() { return clock_; }
    async::Instant in(async::Duration duration) { return clock_.now() + duration; }

    template <typename T>
    T run(async::Task<T> task, std::chrono::seconds limit = std::chrono::seconds(60)) {
        std::optional<T> result;
        std::exception_ptr thrown;
        bool done = false;
        boost::asio::co_spawn(executor(), std::move(task), [&](const std::exception_ptr& error, T value) {
            thrown = error;
            if (!error) result.emplace(std::move(value));
            done = true;
        });
        turn_until(done, limit);
        if (thrown) std::rethrow_exception(thrown);
        return std::move(*result);
    }

    void run(async::Task<void> task, std::chrono::seconds limit = std::chrono::seconds(60)) {
        std::exception_ptr thrown;
        bool done = false;
        boost::asio::co_spawn(executor(), std::move(task), [&](const std::exception_ptr& error) {
            thrown = error;
            done = true;
        });
        turn_until(done, limit);
        if (thrown) std::rethrow_exception(thrown);
    }

    /// Runs what is ready, waits for nothing.
    void turn() {
        context_.restart();
        context_.poll();
    }

private:
    void turn_until(const bool& done, std::chrono::seconds limit) {
        const auto end = std::chrono::steady_clock::now() + limit;
        context_.restart();
        while (!done) {
            if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the test's task did not end in time");
            if (context_.stopped()) throw std::runtime_error("the loop ran dry before the test's task ended");
            context_.run_one_for(std::chrono::milliseconds(200));
        }
    }

    boost::asio::io_context context_{1};
    async::SteadyClock clock_;
};

}  // namespace shallop::test
