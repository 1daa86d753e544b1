// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/race.h>
#include <shallop/base/id.h>
#include <shallop/docker/curl_engine.h>
#include <shallop/http/roster.h>
#include <shallop/instance/launcher.h>
#include <shallop/shim/binary.h>

#include "support/engine_proxy.h"
#include "support/faulty_engine.h"
#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <filesystem>

namespace shallop::test {

/// A launcher and a janitor over the real engine, with a run directory and a daemon id of their own. Leaves nothing.
class Yard {
public:
    Yard() {
        std::string name = "/tmp/shallop-yard-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        settings.run_dir = settings.host_run_dir = name;
        settings.daemon_id = "test-" + base::RandomIds().next();
        for (const auto* part : {"/i", "/shim"}) {
            std::filesystem::create_directory(name + part);
            ::chmod((name + part).c_str(), 0700);
        }
        REQUIRE(shim::write_binary(name + "/shim/shallop-shim"));
        janitor_settings.daemon_id = settings.daemon_id;
        janitor_settings.patience = std::chrono::milliseconds(500);
        open();
    }
    Yard(const Yard&) = delete;
    Yard& operator=(const Yard&) = delete;
    ~Yard() {
        engine.heal();
        if (launcher) close();
        for (const auto& id : containers()) loop.run(real.remove(id, loop.in(std::chrono::seconds(20))));
        std::filesystem::remove_all(settings.run_dir);
    }

    void open() {
        janitor = std::make_unique<instance::Janitor>(janitor_settings, engine, loop.clock(), log, loop.executor());
        launcher = std::make_unique<instance::Launcher>(settings, engine, *janitor, roster, ids, loop.clock(), log,
                                                        loop.executor());
        tasks = std::make_unique<async::TaskGroup>(loop.executor(), log);
        tasks->spawn("janitor", janitor->run());
    }
    void close() {
        loop.run(launcher->drain(loop.in(std::chrono::seconds(10))));
        loop.run(janitor->drain(loop.in(std::chrono::seconds(10))));
        tasks->cancel();
        loop.run(tasks->join());
        launcher.reset();
        janitor.reset();
    }

    base::Result<std::unique_ptr<instance::Instance>> launch(function::FunctionPtr function,
                                                             async::Duration limit = std::chrono::seconds(30)) {
        return loop.run(launcher->launch(std::move(function), loop.in(limit)));
    }

    /// Ids of this yard's containers, in any state.
    std::vector<std::string> containers() {
        const auto listed =
            loop.run(real.list({"shallop.daemon=" + settings.daemon_id}, loop.in(std::chrono::seconds(20))));
        std::vector<std::string> found;
        for (const auto& one : listed.value()) found.push_back(one.id);
        return found;
    }

    /// Whether nothing is left, and nothing waited for, within 15 s.
    bool becomes_empty() {
        for (int turn = 0; turn < 150; ++turn) {
            if (containers().empty() && janitor->leaving() == 0) return true;
            loop.run(loop.clock().sleep_for(std::chrono::milliseconds(100)));
        }
        return false;
    }

    static function::FunctionPtr function() {
        auto made = std::make_shared<function::Function>();
        made->spec.name = "yard";
        made->spec.image = made->image.id = "debian:bookworm-slim";
        made->image.cmd = {"true"};
        return made;
    }

    static docker::EngineSettings engine_settings() {
        docker::EngineSettings own;
        own.host = "unix://" + real_engine();
        return own;
    }

    Loop loop;
    base::Log log{-1};
    base::RandomIds ids;
    instance::Settings settings;
    instance::Janitor::Settings janitor_settings;
    docker::CurlEngine real{engine_settings(), loop.executor(), loop.clock(), log};
    FaultyEngine engine{real};
    std::unique_ptr<instance::Janitor> janitor;
    http::Roster roster{loop.executor()};
    std::unique_ptr<instance::Launcher> launcher;
    std::unique_ptr<async::TaskGroup> tasks;
};

}  // namespace shallop::test
