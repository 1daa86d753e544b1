// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/units.h>

#include <chrono>

namespace shallop::async {

using base::Duration;

/// A point of monotonic time. All deadlines are Instants: a step of the wall clock moves none of them.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Where time comes from. Injected; tests use ManualClock, pure code takes `Instant now`.
class Clock {
public:
    virtual ~Clock() = default;

    virtual Instant now() const = 0;
    virtual std::chrono::system_clock::time_point wall() const = 0;

    /// Returns at `when` or, if it has passed, soon. Cancellable.
    virtual Task<void> sleep_until(Instant when) = 0;

    Task<void> sleep_for(Duration duration) { return sleep_until(now() + duration); }
};

/// The kernel's monotonic clock.
class SteadyClock final : public Clock {
public:
    Instant now() const override;
    std::chrono::system_clock::time_point wall() const override;
    Task<void> sleep_until(Instant when) override;
};

}  // namespace shallop::async
