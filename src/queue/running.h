// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/queue/queue.h>

namespace shallop::queue {

/// The line of what is to be sent to URLs and files; no function can have this name.
inline constexpr const char* deliveries = "@deliveries";

/// One event while it runs; known by its id as long as it lives.
struct Queue::Running {
    Running(Queue& q, std::shared_ptr<store::Taken> t)
        : queue(q), taken(std::move(t)), started(q.now()), log_before(q.parts_.log_book.newest()) {
        queue.running_[taken->row.id] = this;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { queue.running_.erase(taken->row.id); }

    const store::EventRow& row() const { return taken->row; }

    Queue& queue;
    std::shared_ptr<store::Taken> taken;
    Millis started;
    std::uint64_t log_before;  ///< lines after it may be this run's
    bool cancelled = false;    ///< by an operator
};

}  // namespace shallop::queue
