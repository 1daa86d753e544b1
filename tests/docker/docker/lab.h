// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task_group.h>
#include <shallop/base/fd.h>
#include <shallop/base/id.h>
#include "docker/transport.h"

#include <shallop/docker/curl_engine.h>

#include "support/engine_proxy.h"
#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace shallop::test {

/// A log that can be read.
struct LogMemory {
    base::Fd file{::memfd_create("log", MFD_CLOEXEC)};
    base::Log log{file.get()};

    std::string text() const {
        std::string all(1 << 16, '\0');
        const auto got = ::pread(file.get(), all.data(), all.size(), 0);
        all.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return all;
    }
    int count(const std::string& words) const {
        const std::string all = text();
        int found = 0;
        for (auto at = all.find(words); at != std::string::npos; at = all.find(words, at + 1)) ++found;
        return found;
    }
};

inline docker::EngineSettings at(const std::string& host) {
    docker::EngineSettings settings;
    settings.host = host;
    return settings;
}

inline docker::EngineSettings real() { return at("unix://" + real_engine()); }

/// Descriptors that this process has open.
inline std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

/// A loop, an engine, and a label that only this test's containers carry; what still carries it at the end is removed.
class Lab {
public:
    explicit Lab(docker::EngineSettings settings = real())
        : engine(std::move(settings), loop.executor(), loop.clock(), log.log) {}

    ~Lab() {
        try {
            docker::CurlEngine engine_itself(real(), loop.executor(), loop.clock(), log.log);
            const auto left = loop.run(engine_itself.list({label()}, soon()));
            if (!left) return;
            for (const auto& container : *left) loop.run(engine_itself.remove(container.id, soon()));
        } catch (const std::exception& failed) {
            WARN("containers of this test may be left: " << failed.what());
        }
    }

    /// Takes an image away again; Engine has no verb for it.
    void forget(const std::string& image) {
        docker::Transport raw({}, docker::Host{real_engine(), "http://localhost"}, loop.executor(), loop.clock(),
                              log.log);
        const docker::Request request{"DELETE", "/images/" + image + "?force=1", "", ""};
        loop.run(raw.call(docker::Verb::remove, request, soon()));
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

    std::string create(docker::ContainerSpec made, const std::string& suffix) {
        const auto id = loop.run(engine.create(std::move(made), name(suffix), soon()));
        REQUIRE(id);
        return *id;
    }
    /// Creates, starts and waits; the exit code.
    int run(docker::ContainerSpec made, const std::string& suffix) {
        const auto id = create(std::move(made), suffix);
        REQUIRE(loop.run(engine.start(id, soon())));
        const auto code = loop.run(engine.wait(id, "not-running", soon()));
        REQUIRE(code);
        return *code;
    }

    base::RandomIds ids;
    const std::string mark = ids.next();
    Loop loop;
    LogMemory log;
    docker::CurlEngine engine;
};

}  // namespace shallop::test
