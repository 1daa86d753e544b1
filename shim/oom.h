// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

namespace shallop::shim {

/// Finds the file in which the kernel counts the OOM kills of our cgroup (v2, or v1 and hybrid).
void open_oom_counter();

bool counts_oom();

/// The count now; 0 where there is none.
uint64_t oom_kills();

}  // namespace shallop::shim
