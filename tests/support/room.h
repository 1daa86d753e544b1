// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/loop.h"
#include "support/processes.h"
#include "support/sandbox.h"
#include "support/temporary_directory.h"

#include <shallop/base/log.h>
#include <shallop/shim/channel.h>
#include <shallop/shim/door.h>

#include <memory>
#include <string>

namespace shallop::test {

/// A sandbox with its daemon's end, connected.
class Room {
public:
    explicit Room(const Sandbox::Options& options = {});

    Loop loop;
    base::Log log{2, base::Level::error};
    TemporaryDirectory directory;
    std::unique_ptr<Sandbox> sandbox;
    std::unique_ptr<shim::Channel> channel;

    base::Result<Ran> run(const shim::ExecRequest& request, const std::string& input = {});
    base::Result<Ran> run(const std::string& script) { return run(shell(script)); }
    base::Result<shim::Process> start(const shim::ExecRequest& request);
    base::Result<shim::Process> start(const std::string& script) { return start(shell(script)); }
    base::Result<shim::Exit> wait(shim::Process& process);
};

}  // namespace shallop::test
