// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

/// The client commands: init, dev, deploy, plan, apply, list, show, instances, invoke, invocations, dead-letters, logs, remove, version. They speak only the public REST.
namespace shallop::cli {

/// Runs the command that `args` (without the program's name) asks for. Returns the exit status: 0 done, 1 refused or
/// failed, 2 wrong usage. `serve` is only named in the help: it is the daemon's.
int run(std::span<const std::string> args);

}  // namespace shallop::cli
