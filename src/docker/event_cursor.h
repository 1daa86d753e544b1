// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>

#include <cstdint>
#include <set>
#include <string>
#include <tuple>

namespace shallop::docker {

/// How far an event stream was read, so that the next one begins a little before the end of this one and yet repeats nothing.
/// Counts in the engine's time. Remembers at most 4,096 events of the overlap; beyond, one may be repeated.
class EventCursor {
public:
    static constexpr std::int64_t overlap_nano = 5'000'000'000;

    EventCursor() = default;
    /// Begins where another one has come to; 0: there was none.
    explicit EventCursor(std::int64_t last_nano) : last_nano_(last_nano) {}

    /// A stream is up. `wall_nano` is where to begin again if not one event comes.
    void connected(std::int64_t wall_nano);

    /// Whether `event` has not been seen yet; from then on it has.
    bool fresh(const EngineEvent& event);

    /// The value of `since=`, "seconds.nanoseconds"; empty before the first stream: there is nothing to catch up with.
    std::string since() const;

private:
    using Key = std::tuple<std::int64_t, std::string, std::string>;
    static constexpr std::size_t most_seen = 4096;

    std::int64_t last_nano_ = 0;
    std::set<Key> seen_;
};

}  // namespace shallop::docker
