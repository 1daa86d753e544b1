// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/registry/registry.h>

namespace shallop::registry {

/// Whether each bind mount lies below a root the operator allows, by canonical paths: a source that is, or goes through, a symbolic
/// link is refused, and so is one that has an engine's socket, or another path of `Settings::bind_never`, in or above it. Volumes of
/// `Settings::volumes_never` are refused.
/// Looks at the file system. Faults: invalid at /mounts/N/source.
Status check_mounts(const function::Spec& spec, const Settings& settings);

}  // namespace shallop::registry
