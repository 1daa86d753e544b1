// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/observe/invocations.h>
#include <shallop/queue/queue.h>

#include "api/endpoint.h"

namespace shallop::api {

/// An invocation as the API shows it.
Json describe(const observe::Invocation& one);

/// `attempts`: how each went, without logs. `whole`: with their logs, and the reply that is kept.
enum class Detail : std::uint8_t { none, attempts, whole };

/// One that was queued: the same members, and what the queue knows besides. `last`: its last run, where that is remembered.
Json describe(const queue::Kept& one, const observe::Invocation* last, const queue::Queue& queue, Detail detail);

/// "queued", … for what is kept.
std::string_view name(store::EventState state);

/// The state of a name. Faults: invalid.
Result<store::EventState> state_of(std::string_view name);

/// `bytes` as "body" where they are UTF-8, else as "body_base64".
void add_body(Json& into, const std::string& bytes);

}  // namespace shallop::api
