// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/base/units.h>
#include <shallop/docker/engine.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace shallop::trigger {

/// An event of the engine that a trigger waits to have queued.
struct PendingEvent {
    std::string trigger, function;
    docker::EngineEvent event;
    async::Instant since{};  ///< waits here
};

/// Events on their way into the queue, in a line for each function: what cannot be put for one holds up no other. Decides, and does nothing.
///
/// A line takes no more than is left free for the others: one that does not move has half of the room, two have a third each.
class EventLines {
public:
    EventLines(std::size_t events, base::Bytes bytes) : most_(events), most_bytes_(bytes) {}

    /// False where there is no room.
    bool add(PendingEvent event);

    bool empty() const { return lines_.empty(); }
    /// When the first of those at the head of a line may be tried. There is one.
    async::Instant next_time() const;
    /// The head of a line whose time has come, in rotation. It stays there until done().
    std::optional<PendingEvent> next(async::Instant now);

    /// The head of the function's line is dealt with. True: there is no other behind it.
    bool done(const std::string& function);
    /// It cannot be put now: the line pauses, for longer each time.
    void put_off(const std::string& function, async::Instant now);

    /// The engine's time of the oldest head. There is one.
    std::int64_t oldest_nano() const;

private:
    struct Line {
        std::deque<PendingEvent> events;  ///< never empty
        base::Bytes bytes = 0;
        async::Instant not_before{};
        base::Duration pause{};  ///< the last one
    };

    std::size_t most_;
    base::Bytes most_bytes_;
    std::map<std::string, Line> lines_;  ///< by function
    std::size_t events_ = 0;
    base::Bytes bytes_ = 0;
    std::string last_;  ///< whose turn it was
};

}  // namespace shallop::trigger
