// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "link.h"

#include <poll.h>

namespace shallop::shim {

/// The sockets made on request: connections out of the container's namespaces, and listeners in them.

void connect(const Request& request);
void listen(const Request& request);

/// Gives up the connect or listen of this id.
void cancel(const Request& request);

inline constexpr size_t max_polled_sockets = wire::max_connects + wire::max_listeners;

/// Appends what to wait for, and lowers `timeout_ms` (-1: none) to the next thing to do by time.
size_t add_sockets(pollfd* into, int& timeout_ms);

/// Acts on what poll found (the entries add_sockets made), and on what has become due.
void serve_sockets(const pollfd* polled, size_t count);

}  // namespace shallop::shim
