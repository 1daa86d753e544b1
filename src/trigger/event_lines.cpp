// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/event_lines.h>

#include <algorithm>

namespace shallop::trigger {
namespace {

constexpr base::Duration first_pause = std::chrono::milliseconds(500);
constexpr base::Duration longest_pause = std::chrono::seconds(30);

}  // namespace

bool EventLines::add(PendingEvent event) {
    const auto at = lines_.find(event.function);
    const auto own = at == lines_.end() ? 0 : at->second.events.size();
    const auto own_bytes = at == lines_.end() ? 0 : at->second.bytes;
    const auto size = event.event.json.size();
    if (own >= most_ - events_ || own_bytes + size > most_bytes_ - bytes_) return false;
    auto& line = lines_[event.function];
    line.bytes += size;
    line.events.push_back(std::move(event));
    bytes_ += size;
    ++events_;
    return true;
}

async::Instant EventLines::next_time() const {
    auto first = lines_.begin()->second.not_before;
    for (const auto& [function, line] : lines_) first = std::min(first, line.not_before);
    return first;
}

std::optional<PendingEvent> EventLines::next(async::Instant now) {
    const auto ready = [now](const auto& one) { return one.second.not_before <= now; };
    const auto after = lines_.upper_bound(last_);
    auto at = std::find_if(after, lines_.end(), ready);
    if (at == lines_.end()) at = std::find_if(lines_.begin(), after, ready);
    if (at == lines_.end() || !ready(*at)) return std::nullopt;
    last_ = at->first;
    return at->second.events.front();
}

bool EventLines::done(const std::string& function) {
    const auto at = lines_.find(function);
    auto& line = at->second;
    const auto size = line.events.front().event.json.size();
    line.events.pop_front();
    line.bytes -= size;
    line.not_before = {};
    line.pause = {};
    bytes_ -= size;
    --events_;
    const bool last = line.events.empty();
    if (last) lines_.erase(at);
    return last;
}

void EventLines::put_off(const std::string& function, async::Instant now) {
    auto& line = lines_.at(function);
    line.pause = std::clamp(line.pause * 2, first_pause, longest_pause);
    line.not_before = now + line.pause;
}

std::int64_t EventLines::oldest_nano() const {
    auto oldest = lines_.begin()->second.events.front().event.time_nano;
    for (const auto& [function, line] : lines_) oldest = std::min(oldest, line.events.front().event.time_nano);
    return oldest;
}

}  // namespace shallop::trigger
