// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/tokens.h>
#include <shallop/daemon/settings.h>

namespace shallop::daemon {

/// The token that the daemon starts with: none with --admin-auth none, else that of --admin-token, else the one that DATA_DIR/admin-token holds, which is
/// made where there is none. Blocks: for the start only. `blocking` outlives what is returned. Faults: storage.
base::Result<access::FirstToken> first_token(const Settings& settings, async::BlockingPool& blocking);

}  // namespace shallop::daemon
