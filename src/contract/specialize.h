// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/contract/driver.h>

namespace shallop::contract {

/// Gives the code to the runtime behind `driver` (docs/protocol.md, "Writing a runtime"). What it refers to outlives the task. Faults of Driver::become().
Task<Result<function::Announced>> specialize(Driver& driver, const function::Function& function, Instant deadline);

}  // namespace shallop::contract
