// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>

#include <list>
#include <utility>

namespace shallop::async {

/// Bounds how many hold a permit at once; waits first come, first served. Belongs to one loop; outlives its permits.
class Semaphore {
public:
    /// One unit of the bound; gives itself back when destroyed.
    class Permit {
    public:
        Permit() = default;
        explicit Permit(Semaphore& of) : of_(&of) {}
        Permit(Permit&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
        Permit& operator=(Permit&& other) noexcept;
        ~Permit() { release(); }
        void release();

    private:
        Semaphore* of_ = nullptr;
    };

    Semaphore(Executor executor, std::size_t bound) : executor_(executor), free_(bound) {}

    /// Waits for a permit. Cancellable: a cancelled waiter leaves the line.
    Task<Permit> acquire();

    std::size_t waiting() const { return line_.size(); }

private:
    struct Waiter;
    void give_back();

    Executor executor_;
    std::size_t free_;
    std::list<Waiter*> line_;
};

}  // namespace shallop::async
