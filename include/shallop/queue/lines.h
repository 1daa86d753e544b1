// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/function/spec.h>
#include <shallop/store/events.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace shallop::queue {

using store::Millis;

/// Bounds of all lines together.
struct LineLimits {
    std::int64_t events = 2'000'000;
    base::Bytes bytes = 4ULL << 30;
    int running = 64;
    int batch = 32;  ///< events taken from one line at once
};

/// How many events wait and run, function by function, and whose turn it is. Counts and decides, and does nothing; the events themselves are
/// on the disk.
///
/// Functions take turns: none waits behind another's backlog, however long that is.
class Lines {
public:
    /// `concurrency`: of a function, as it is now.
    Lines(LineLimits limits, std::function<int(const std::string&)> concurrency)
        : limits_(limits), concurrency_(std::move(concurrency)) {}

    /// Whether one more event fits. Faults: overloaded, saying which bound.
    base::Status admit(const std::string& function, const function::Async& policy, base::Bytes bytes) const;
    /// Whether so many fit into what is bounded for all. Faults: as above.
    base::Status admit_all(std::int64_t events, base::Bytes bytes) const;

    /// Events came into the line (or, below zero, left it without having been taken); the earliest is due at `due`.
    void add(const std::string& function, std::int64_t events, std::int64_t bytes, Millis due);

    /// Something in the line is due at `due`, sooner than thought.
    void hasten(const std::string& function, Millis due);

    /// A line from which events are to be taken, and at most how many.
    struct Turn {
        std::string function;
        std::size_t most = 0;
    };
    /// The next line with something due and a place to run it, in rotation. It has no other turn before took().
    std::optional<Turn> next(Millis now);

    /// What a turn brought: so many run now; the line's next is due at `next_due`, or nothing is left.
    void took(const std::string& function, std::int64_t events, std::int64_t bytes, std::optional<Millis> next_due);

    /// One that was taken runs no more.
    void ended(const std::string& function);

    /// When the next line is due that could be served then.
    std::optional<Millis> next_due() const;

    /// Nothing of this function waits or runs.
    bool idle(const std::string& function) const { return !lines_.contains(function); }
    std::int64_t events() const { return events_; }
    base::Bytes bytes() const { return static_cast<base::Bytes>(bytes_); }
    int running() const { return running_; }
    /// The longest that anything which is due has waited for its turn.
    Millis lag(Millis now) const;

private:
    struct Line {
        std::int64_t events = 0, bytes = 0;
        int running = 0;
        int promised = 0;  ///< to a turn that has not brought anything yet
        Millis next_due = 0;
        std::optional<Millis> due_meanwhile{};  ///< what came during that turn
    };
    int places(const std::string& function, const Line& line) const;
    void tidy(std::map<std::string, Line>::iterator at);

    LineLimits limits_;
    std::function<int(const std::string&)> concurrency_;
    std::map<std::string, Line> lines_;
    std::string last_;  ///< had the last turn
    std::int64_t events_ = 0, bytes_ = 0;
    int running_ = 0, promised_ = 0;
};

}  // namespace shallop::queue
