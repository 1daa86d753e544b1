// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

namespace shallop::daemon {

/// `shallop serve`: runs the daemon until SIGTERM or SIGINT. `args` are the words after "serve".
/// Returns the exit status: 0 stopped cleanly, 1 could not start or broke, 2 wrong usage.
int serve(std::span<const std::string> args);

}  // namespace shallop::daemon
