// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/condition.h>
#include <shallop/observe/invocations.h>

#include <deque>
#include <map>
#include <string>

namespace shallop::observe {

/// One line a function wrote, or that we wrote about it.
struct LogLine {
    std::uint64_t sequence = 0;  ///< counts up over all functions
    WallTime time{};
    std::string
        stream;  ///< "stderr"; "shallop" for our own words; "build" for what the making of its packages or runtime says
    std::string invocation;
    std::string text;  ///< without its newline, at most 8 KiB
};

/// The last lines of each function, bounded per function and in all; the oldest go first.
class LogBook {
public:
    explicit LogBook(async::Executor executor, Bytes per_function = 256 * 1024, Bytes in_all = 8 * 1024 * 1024)
        : per_function_(per_function), in_all_(in_all), changed_(executor) {}

    void add(const std::string& function, LogLine line);
    void forget(const std::string& function);

    /// Lines after `sequence` and not before `since`, oldest first, at most the last `tail` of them.
    std::vector<LogLine> read(const std::string& function, std::uint64_t after, WallTime since, std::size_t tail) const;

    /// Whether there is a line of this function, which may not be there (yet): of what was built for it.
    bool has(std::string_view function) const { return pages_.contains(function); }

    /// The sequence of the newest line of all.
    std::uint64_t newest() const { return sequence_; }

    /// Returns when any function has new lines. For `follow`. Cancellable.
    async::Task<void> changed() { return changed_.wait(); }

private:
    struct Page {
        std::deque<LogLine> lines;
        Bytes bytes = 0;
    };
    void drop_oldest(Page& page);

    Bytes per_function_, in_all_, bytes_ = 0;
    std::uint64_t sequence_ = 0;
    std::map<std::string, Page, std::less<>> pages_;
    async::Condition changed_;
};

}  // namespace shallop::observe
