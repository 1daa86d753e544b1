// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/task.h>
#include <shallop/base/result.h>

#include <optional>

namespace shallop::async {

/// Runs both until one ends, cancels the other, waits until that has unwound too, and says which ended first (0 or 1).
/// Rethrows what the winner threw; what the loser throws while unwinding is dropped.
Task<int> race(Task<void> first, Task<void> second);

/// Runs both until both end. Where one throws, the other is cancelled and the first exception is rethrown.
Task<void> both(Task<void> first, Task<void> second);

/// `work` for race() and both(), which take Task<void>: its result is in `into` once it has ended.
template <typename T>
Task<void> store_result(Task<T> work, std::optional<T>& into) {
    into.emplace(co_await std::move(work));
}

namespace detail {
base::Error late();
}

/// `work`'s result, or Fault::timed_out once `deadline` has passed: the work is then cancelled and has fully unwound.
/// Work that is done when the deadline fires counts as done.
template <typename T>
Task<base::Result<T>> within(Clock& clock, Instant deadline, Task<base::Result<T>> work) {
    std::optional<base::Result<T>> result;
    auto kept = store_result<base::Result<T>>(std::move(work), result);
    auto timer = clock.sleep_until(deadline);
    co_await race(std::move(kept), std::move(timer));
    if (!result) co_return detail::late();
    co_return std::move(*result);
}

}  // namespace shallop::async
