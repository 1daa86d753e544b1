// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/registry/registry.h>

namespace shallop::registry {

/// What the engine says of the function's image, pulled first where the policy says so. References outlive the task.
/// Faults, with the pointer /image where the image is at fault: not_found, engine_refused, engine_down, timed_out.
Task<Result<function::ImageFacts>> resolve_image(const function::Spec& spec, const Settings& settings,
                                                 docker::Engine& engine, async::Clock& clock, base::Log& log);

}  // namespace shallop::registry
