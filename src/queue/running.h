// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/queue/queue.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace shallop::queue {

/// The line of what is to be sent to URLs and files; no function can have this name.
inline constexpr const char* deliveries = "@deliveries";

/// What a turn has of its line: first a promise, then a place for each event that it took. What is left is given back at its end, so that no
/// failure of what runs keeps a line waiting.
class Queue::Hold {
public:
    /// `again`: when the line is looked at next, where nothing is taken.
    Hold(Lines& lines, std::string function, Millis again)
        : lines_(lines), function_(std::move(function)), again_(again) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() {
        if (promised_) lines_.took(function_, 0, 0, again_);
        while (places_ > 0) leave();
    }

    void take(std::int64_t events, std::int64_t bytes, std::optional<Millis> next_due) {
        lines_.took(function_, events, bytes, next_due);
        promised_ = false;
        places_ = events;
    }
    void leave() {
        --places_;
        lines_.ended(function_);
    }

private:
    Lines& lines_;
    std::string function_;
    Millis again_;
    bool promised_ = true;
    std::int64_t places_ = 0;
};

/// The place of one event, left at the end of this if not before.
class Queue::Place {
public:
    explicit Place(std::shared_ptr<Hold> hold) : hold_(std::move(hold)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { leave(); }

    void leave() {
        if (const auto hold = std::exchange(hold_, nullptr)) hold->leave();
    }

private:
    std::shared_ptr<Hold> hold_;
};

/// One event while it runs; known by its id as long as it lives.
struct Queue::Running {
    Running(Queue& q, std::shared_ptr<store::Taken> t)
        : queue(q), taken(std::move(t)), started(q.now()), log_before(q.parts_.log_book.newest()) {
        queue.running_[taken->row.id] = this;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        const auto mine = queue.running_.find(taken->row.id);
        if (mine != queue.running_.end() && mine->second == this) queue.running_.erase(mine);
    }

    const store::EventRow& row() const { return taken->row; }

    Queue& queue;
    std::shared_ptr<store::Taken> taken;
    Millis started;
    std::uint64_t log_before;  ///< lines after it may be this run's
    bool cancelled = false;    ///< by an operator
};

}  // namespace shallop::queue
