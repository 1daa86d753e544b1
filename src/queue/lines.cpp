// SPDX-License-Identifier: Apache-2.0
#include <shallop/queue/lines.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace shallop::queue {
namespace {

using base::Error;
using base::Fault;

constexpr Millis never = std::numeric_limits<Millis>::max();

Error full(std::string what, const char* whose) {
    return {Fault::overloaded, std::move(what) + "; try again when some of it has run", whose};
}

}  // namespace

base::Status Lines::admit(const std::string& function, const function::Async& policy, base::Bytes bytes) const {
    const auto at = lines_.find(function);
    constexpr const char* ours = "backlog";
    const Line none;
    const auto& line = at == lines_.end() ? none : at->second;
    if (line.events >= policy.backlog)
        return full("the backlog of this function is full: " + std::to_string(line.events) + " events wait", ours);
    if (static_cast<base::Bytes>(line.bytes) + bytes > policy.backlog_bytes)
        return full("the backlog of this function has no room for the body: its bound is " +
                        base::format_bytes(policy.backlog_bytes),
                    ours);
    return admit_all(1, bytes);
}

base::Status Lines::admit_all(std::int64_t events, base::Bytes bytes) const {
    constexpr const char* all = "backlog of all";
    if (events_ + events > limits_.events)
        return full("the backlog of this server is full: " + std::to_string(events_) + " events wait", all);
    if (this->bytes() + bytes > limits_.bytes)
        return full(
            "the backlog of this server has no room for the body: its bound is " + base::format_bytes(limits_.bytes),
            all);
    return {};
}

void Lines::add(const std::string& function, std::int64_t events, std::int64_t bytes, Millis due) {
    auto& line = lines_[function];
    if (line.events == 0 && line.promised == 0) line.next_due = never;
    line.events += events;
    line.bytes += bytes;
    events_ += events;
    bytes_ += bytes;
    if (events > 0) hasten(function, due);
    tidy(lines_.find(function));
}

void Lines::hasten(const std::string& function, Millis due) {
    const auto at = lines_.find(function);
    if (at == lines_.end()) return;
    auto& line = at->second;
    line.next_due = std::min(line.next_due, due);
    if (line.promised > 0) line.due_meanwhile = std::min(line.due_meanwhile.value_or(due), due);
}

int Lines::places(const std::string& function, const Line& line) const {
    if (line.promised > 0 || line.events <= 0) return 0;
    return std::max(concurrency_(function) - line.running, 0);
}

std::optional<Lines::Turn> Lines::next(Millis now) {
    const int free = limits_.running - running_ - promised_;
    if (free <= 0 || lines_.empty()) return std::nullopt;
    auto at = lines_.upper_bound(last_);
    for (std::size_t seen = 0; seen < lines_.size(); ++seen, ++at) {
        if (at == lines_.end()) at = lines_.begin();
        auto& [function, line] = *at;
        if (line.next_due > now) continue;
        const int most = std::min({places(function, line), free, limits_.batch});
        if (most <= 0) continue;
        line.promised = most;
        promised_ += most;
        last_ = function;
        return Turn{function, static_cast<std::size_t>(most)};
    }
    return std::nullopt;
}

void Lines::took(const std::string& function, std::int64_t events, std::int64_t bytes, std::optional<Millis> next_due) {
    const auto at = lines_.find(function);
    base::ensure(at != lines_.end() && at->second.promised > 0, "a turn brings what it was asked for");
    auto& line = at->second;
    promised_ -= std::exchange(line.promised, 0);
    line.events -= events;
    line.bytes -= bytes;
    events_ -= events;
    bytes_ -= bytes;
    line.running += static_cast<int>(events);
    running_ += static_cast<int>(events);
    line.next_due = std::min(next_due.value_or(never), line.due_meanwhile.value_or(never));
    line.due_meanwhile.reset();
    tidy(at);
}

void Lines::ended(const std::string& function) {
    const auto at = lines_.find(function);
    base::ensure(at != lines_.end() && at->second.running > 0, "what ends has run");
    --at->second.running;
    --running_;
    tidy(at);
}

void Lines::tidy(std::map<std::string, Line>::iterator at) {
    const auto& line = at->second;
    if (line.events <= 0 && line.running == 0 && line.promised == 0) lines_.erase(at);
}

std::optional<Millis> Lines::next_due() const {
    std::optional<Millis> earliest;
    if (limits_.running - running_ - promised_ <= 0) return earliest;
    for (const auto& [function, line] : lines_) {
        if (line.next_due == never || places(function, line) == 0) continue;
        if (!earliest || line.next_due < *earliest) earliest = line.next_due;
    }
    return earliest;
}

Millis Lines::lag(Millis now) const {
    Millis longest = 0;
    for (const auto& [function, line] : lines_) {
        if (line.events > 0 && line.next_due != never) longest = std::max(longest, now - line.next_due);
    }
    return longest;
}

}  // namespace shallop::queue
