// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/function/event.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace shallop::contract {

/// Makes trace contexts for events that bring none (W3C Trace Context). Random, but no secret: seeded once by the
/// kernel, so that an event costs no system call.
class TraceIds {
public:
    TraceIds();
    explicit TraceIds(std::uint64_t seed) : state_(seed) {}

    /// Writes "00-<trace id>-<parent id>-01", which is `size` bytes; where it ends.
    char* write(char* into);
    static constexpr std::size_t size = 55;

private:
    std::uint64_t next();
    std::uint64_t state_;
};

/// Whether a `traceparent` keeps to the standard, of version 00 or a later one.
bool is_traceparent(std::string_view value);

/// Whether the client asks to leave HTTP for another protocol that passes through here (WebSocket, not h2c).
bool asks_upgrade(const function::Event& event);

/// Writes, over what is in `out`, the head that the function's server gets: the event's own fields without those of the
/// client's connection, and with ours (docs/protocol.md, contract http). `upgrade`: what asks_upgrade() said.
void write_request_head(std::string& out, const function::Event& event, bool upgrade, TraceIds& traces);

}  // namespace shallop::contract
