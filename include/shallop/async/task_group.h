// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/log.h>

#include <boost/asio/cancellation_signal.hpp>

#include <functional>
#include <memory>

namespace shallop::async {

/// Asks one task of a group to unwind. Belongs to its loop; lives as long as its task.
///
/// Whoever has cancelled a task for a part of its work only, and has caught what that threw, goes on after
/// `co_await boost::asio::this_coro::reset_cancellation_state()`.
class Canceller {
public:
    Canceller() = default;
    Canceller(const Canceller&) = delete;
    Canceller& operator=(const Canceller&) = delete;

    /// The task's current wait throws, or its next one. A task that has not begun never begins.
    void cancel();

private:
    friend class TaskGroup;
    boost::asio::cancellation_signal signal_;
    // Asio's co_spawn throws out of the loop where a task is cancelled before it has suspended for the first time: until then
    // a cancellation is kept here.
    bool begun_ = false;
    bool cancelled_ = false;
};

/// Owns running Tasks, so that nothing is detached (L3). The last member of its class: its tasks use everything above it.
///
/// Belongs to one loop. A task that throws anything but a cancellation is logged as an error; the others go on.
/// Destroying a group cancels what still runs; only join() knows that it has ended.
class TaskGroup {
public:
    TaskGroup(Executor executor, base::Log& log);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    /// Starts `task` (its first step runs soon, not here). `name` is for the log.
    void spawn(const char* name, Task<void> task);

    /// The same for a task that is given its own Canceller.
    void spawn_cancellable(const char* name, const std::function<Task<void>(Canceller&)>& make);

    /// Asks every running task to unwind.
    void cancel();

    /// Waits until no task runs. Does not cancel them.
    Task<void> join();

    std::size_t size() const;

private:
    struct State;
    static Task<void> begin(Executor executor, Canceller& self, Task<void> task);

    std::shared_ptr<State> state_;
};

}  // namespace shallop::async
