// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/id.h>
#include <shallop/docker/curl_engine.h>

#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace shallop::test {

/// A loop, the real engine, and a label that only this test's containers carry; what still carries it at the end is removed.
class Lab {
public:
    explicit Lab(docker::EngineSettings settings = {})
        : engine(std::move(settings), loop.executor(), loop.clock(), log) {}

    ~Lab() {
        try {
            const auto left = loop.run(engine.list({label()}, soon()));
            if (!left) return;
            for (const auto& container : *left) loop.run(engine.remove(container.id, soon()));
        } catch (const std::exception& failed) {
            WARN("containers of this test may be left: " << failed.what());
        }
    }

    async::Instant soon() { return loop.in(std::chrono::seconds(20)); }
    std::string label() const { return "shallop.test=" + mark; }
    std::string name(const std::string& suffix) const { return "docker-test-" + mark + "-" + suffix; }

    /// A small, locked down container of `command`, as Shallop makes them.
    docker::ContainerSpec spec(std::vector<std::string> command) const {
        docker::ContainerSpec made;
        made.image = "debian:bookworm-slim";
        made.cmd = std::move(command);
        made.labels["shallop.test"] = mark;
        made.memory = 64 * 1024 * 1024;
        made.tmp_size = 1024 * 1024;
        made.pids = 32;
        made.files = 256;
        made.nano_cpus = 1'000'000'000;
        made.auto_remove = false;
        return made;
    }

    std::string create(std::vector<std::string> command, const std::string& suffix) {
        const auto id = loop.run(engine.create(spec(std::move(command)), name(suffix), soon()));
        REQUIRE(id);
        return *id;
    }

    base::RandomIds ids;
    const std::string mark = ids.next();
    Loop loop;
    base::Log log{2, base::Level::error};
    docker::CurlEngine engine;
};

}  // namespace shallop::test
