// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/base/result.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shallop::pool {

using async::Instant;

/// One who waits or holds; counts up, never reused.
using Ticket = std::uint64_t;

/// The bounds of one function, taken from its resource.
struct Bounds {
    int max = 10;     ///< instances at once
    int queue = 100;  ///< waiting at once
};

/// Which events may have an instance now, and who waits: pure decisions, no I/O, no time of its own.
///
/// Every ticket is in exactly one state: waiting, or granted until give_back(). Fair between functions under the global bound: a slot that becomes
/// free goes to the longest-waiting event of the function that holds fewest.
class Ledger {
public:
    explicit Ledger(int instances_in_all) : in_all_(instances_in_all) {}

    struct Answer {
        Ticket ticket = 0;
        bool granted = false;  ///< else it waits
    };

    /// Faults: overloaded, when the function's queue is full.
    base::Result<Answer> ask(const std::string& function, Bounds bounds);

    /// A waiting ticket leaves (deadline, client gone), or a granted one ends. Returns the tickets granted by it.
    std::vector<Ticket> leave(Ticket ticket);

    int granted() const { return granted_in_all_; }
    int waiting() const { return waiting_in_all_; }
    int granted(const std::string& function) const;
    int waiting(const std::string& function) const;

private:
    struct Account {
        Bounds bounds;
        int granted = 0;
        std::deque<Ticket> line;
    };
    struct Entry {
        std::string function;
        bool granted = false;
    };
    std::optional<Ticket> grant_next();

    int in_all_;
    int granted_in_all_ = 0;
    int waiting_in_all_ = 0;
    Ticket last_ = 0;
    std::map<std::string, Account> accounts_;
    std::map<Ticket, Entry> tickets_;
};

}  // namespace shallop::pool
