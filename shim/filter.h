// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace shallop::shim {

/// From here on no process of the container gets a vsock socket, which leads from a virtual machine to its host past every network
/// namespace, nor an io_uring: EPERM, whatever the engine's own seccomp profile says. Engines before 23, and before 25, let them be.
///
/// Without effect on a kernel that has no seccomp.
void refuse_odd_calls();

}  // namespace shallop::shim
