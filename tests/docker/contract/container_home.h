// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "component/contract/stage.h"
#include "docker/docker/lab.h"

#include <shallop/shim/binary.h>

#include <memory>

namespace shallop::test {

/// Runs `command` in a container as Shallop makes them: 64 MiB of memory, 32 processes, a read-only root, no network.
class ContainerHome {
public:
    explicit ContainerHome(std::vector<std::string> command, unsigned uid) : loop(lab.loop) {
        REQUIRE(shim::write_binary(directory.path() + "/shim").has_value());
        auto opened = shim::Door::open(directory.path(), "instance", directory.path() + "/shim", loop.executor(),
                                       loop.clock(), log);
        REQUIRE(opened);
        auto door = std::move(*opened);
        auto spec = lab.spec(std::move(command));
        spec.entrypoint = {"/.shallop/shim"};
        spec.mounts = {{"bind", door.directory(), "/.shallop"}};
        spec.user = uid == 0 ? "" : std::to_string(uid);
        id = lab.create(std::move(spec), "contract");
        REQUIRE(loop.run(lab.engine.start(id, lab.soon())));
        auto connected = loop.run(door.accept(lab.soon()));
        REQUIRE(connected);
        channel = std::move(*connected);
    }

    /// Closes the channel, and waits for the container's end.
    bool ends() {
        channel.reset();
        return loop.run(lab.engine.wait(id, "not-running", lab.soon())).has_value();
    }

    Lab lab;
    Loop& loop;
    base::Log log{2, base::Level::error};
    TemporaryDirectory directory;
    std::string id;
    std::unique_ptr<shim::Channel> channel;
};

using ContainerStage = BasicStage<ContainerHome>;

}  // namespace shallop::test
