// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/docker/engine.h>
#include <shallop/queue/queue.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::trigger {

/// Which of the engine's events. Within one list any will do, but all labels must be there; an empty list asks for nothing.
struct EngineFilters {
    std::vector<std::string> types{};   ///< "container", "image", "network", "volume", …
    std::vector<std::string> events{};  ///< "die"; "health_status" has all of it, "health_status: unhealthy" one alone
    std::vector<std::string> labels{};  ///< "key" or "key=value"
    std::vector<std::string>
        images{};  ///< of a container's or image's event: its name, with or without the tag, or its id
    std::vector<std::string> containers{};  ///< its name, or its id, of which 12 digits are enough

    bool operator==(const EngineFilters&) const = default;
};

/// A function that is run on events of the engine.
struct EngineTrigger {
    std::string id;
    std::string function;
    EngineFilters filters;
    bool paused = false;
    std::string created;         ///< RFC 3339, UTC
    std::int64_t from_nano = 0;  ///< of the engine's time: what happened until then is not its business
};

/// Reads {"type": "engine", "function": NAME, "filters": {…}, "paused": false}; id and times are left empty. Faults: invalid (with
/// `pointer`), too_large.
base::Result<EngineTrigger> parse_engine_trigger(std::string_view json);

/// What parse_engine_trigger() reads: what the store keeps.
std::string format_engine_trigger(const EngineTrigger& trigger);

bool matches(const EngineFilters& filters, const docker::EngineEvent& event);

/// Whether it is about a container that a Shallop made, this one or another: a function that is run on those would go on for ever. `own`: the ids
/// of those that are known, for events of networks and volumes, which tell no labels.
bool is_own(const docker::EngineEvent& event, const std::set<std::string>& own);

/// Keeps `own` what it is.
void note_own(const docker::EngineEvent& event, std::set<std::string>& own);

/// `event` as a CloudEvent 1.0 in the binary mode of HTTP, for the queue; the engine's own JSON is the body. `engine` is the engine's id.
queue::Order order_for(const EngineTrigger& trigger, const docker::EngineEvent& event, const std::string& engine);

}  // namespace shallop::trigger
