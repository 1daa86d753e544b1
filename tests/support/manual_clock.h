// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>

#include <map>

namespace shallop::test {

/// Time that moves only when told; sleepers wake in the order of their times.
class ManualClock final : public async::Clock {
public:
    explicit ManualClock(async::Executor executor) : moved_(executor) {}

    async::Instant now() const override { return now_; }
    std::chrono::system_clock::time_point wall() const override {
        return std::chrono::system_clock::time_point(
            std::chrono::duration_cast<std::chrono::system_clock::duration>(now_.time_since_epoch()));
    }
    async::Task<void> sleep_until(async::Instant when) override {
        while (now_ < when) co_await moved_.wait();
    }
    void advance(async::Duration by) {
        now_ += by;
        moved_.notify_all();
    }

private:
    async::Instant now_{std::chrono::hours(24 * 365 * 50)};
    async::Condition moved_;
};

}  // namespace shallop::test
