// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/base/units.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace shallop::contract {

/// Makes lines of what a function writes to stderr, and keeps no more of them than its log rate allows.
///
/// A line longer than `longest` is given out in pieces. What is over the rate is counted, and told in a line of its own.
class StderrLines {
public:
    static constexpr std::size_t longest = 8 * 1024;

    /// `rate` in bytes a second; one second's worth may come at once.
    StderrLines(base::Bytes rate, async::Instant now, std::function<void(std::string)> line)
        : rate_(rate), allowed_(static_cast<double>(rate)), at_(now), line_(std::move(line)) {}

    void feed(std::span<const char> bytes, async::Instant now);

    /// Gives out what has no newline yet, and the count of what was dropped.
    void finish(async::Instant now);

private:
    void end_line(async::Instant now);
    void tell_dropped();

    base::Bytes rate_;
    double allowed_;  ///< bytes that may be given out now
    async::Instant at_;
    std::function<void(std::string)> line_;
    std::string open_;
    base::Bytes dropped_ = 0;
};

}  // namespace shallop::contract
