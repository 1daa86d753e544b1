// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

namespace shallop::shim {

/// Finds the file in which the kernel counts the CPU time of our cgroup (v2, or v1 and hybrid).
void open_cpu_counter();

/// What all processes of the container have used until now, in nanoseconds; wire::used_unknown where nobody counts.
uint64_t cpu_used();

}  // namespace shallop::shim
