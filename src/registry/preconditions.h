// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/registry/registry.h>

namespace shallop::registry {

/// Whether a change may go on (RFC 9110 section 13.1.1 and 13.1.2). `current` is the function's entity tag without quotes, or nothing
/// where there is no such function. Faults: invalid (a field that is no list of entity tags), conflict with the pointer
/// `precondition_failed`.
Status check_preconditions(const Precondition& precondition, const std::optional<std::string>& current);

}  // namespace shallop::registry
