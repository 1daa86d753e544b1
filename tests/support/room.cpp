// SPDX-License-Identifier: Apache-2.0
#include "support/room.h"

#include <shallop/shim/binary.h>

#include <stdexcept>

namespace shallop::test {

Room::Room(const Sandbox::Options& options) {
    const auto program = directory.path() + "/shim";
    if (const auto written = shim::write_binary(program); !written) throw std::runtime_error(written.error().detail);
    auto door = shim::Door::open(directory.path(), "instance", program, loop.executor(), loop.clock(), log);
    if (!door) throw std::runtime_error(door.error().detail);
    sandbox = std::make_unique<Sandbox>(door->directory(), options);
    auto opened = loop.run(door->accept(loop.in(std::chrono::seconds(10))));
    if (!opened) throw std::runtime_error(opened.error().detail);
    channel = std::move(*opened);
}

base::Result<Ran> Room::run(const shim::ExecRequest& request, const std::string& input) {
    return loop.run(test::run(*channel, request, input));
}

base::Result<shim::Process> Room::start(const shim::ExecRequest& request) {
    return loop.run(test::start(*channel, request));
}

base::Result<shim::Exit> Room::wait(shim::Process& process) { return loop.run(process.wait()); }

}  // namespace shallop::test
