// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "link.h"

namespace shallop::shim {

/// The processes that exec started: starting, signalling and reaping them.

/// Remembers the container's own command and environment, raises our own descriptor limit, finds the kernel's counters.
void prepare_processes(int argc, char** argv, char** environment);

void exec(Request& request);
void signal(const Request& request);

/// Asks every process of the container to end; the shim follows when the last one has.
void stop(int number);

/// Reaps a bounded number of the dead. True when there may be more.
bool reap();

}  // namespace shallop::shim
