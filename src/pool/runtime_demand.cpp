// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/runtime_demand.h>

#include <algorithm>

namespace shallop::pool {

void RuntimeDemand::asked(async::Instant now) {
    if (asked_.size() == most_remembered) asked_.pop_front();
    asked_.push_back(now);
}

int RuntimeDemand::wanted(async::Instant now) {
    while (!asked_.empty() && now - asked_.front() >= settings_.memory) asked_.pop_front();
    if (settings_.least <= 0) return 0;
    std::size_t peak = 0;
    for (std::size_t from = 0, to = 0; to < asked_.size(); ++to) {
        while (asked_[to] - asked_[from] >= settings_.burst) ++from;
        peak = std::max(peak, to - from + 1);
    }
    return std::clamp(static_cast<int>(peak), settings_.least, std::max(settings_.least, settings_.most));
}

}  // namespace shallop::pool
