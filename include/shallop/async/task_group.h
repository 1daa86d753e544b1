// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>
#include <shallop/base/log.h>

#include <memory>

namespace shallop::async {

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

    /// Asks every running task to unwind.
    void cancel();

    /// Waits until no task runs. Does not cancel them.
    Task<void> join();

    std::size_t size() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace shallop::async
