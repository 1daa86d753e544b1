// SPDX-License-Identifier: Apache-2.0
#include "docker/event_cursor.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace shallop::docker {

void EventCursor::connected(std::int64_t wall_nano) {
    if (last_nano_ == 0) last_nano_ = wall_nano;
}

bool EventCursor::fresh(const EngineEvent& event) {
    if (!seen_.emplace(event.time_nano, event.id, event.action).second) return false;
    last_nano_ = std::max(last_nano_, event.time_nano);
    while (!seen_.empty() && (seen_.size() > most_seen || std::get<0>(*seen_.begin()) < last_nano_ - overlap_nano)) {
        seen_.erase(seen_.begin());
    }
    return true;
}

std::string EventCursor::since() const {
    if (last_nano_ == 0) return "";
    const std::int64_t from = std::max<std::int64_t>(0, last_nano_ - overlap_nano);
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%lld.%09lld", static_cast<long long>(from / 1'000'000'000),
                  static_cast<long long>(from % 1'000'000'000));
    return text.data();
}

}  // namespace shallop::docker
