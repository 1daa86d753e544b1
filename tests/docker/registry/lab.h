// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task_group.h>
#include <shallop/base/id.h>
#include <shallop/docker/curl_engine.h>
#include <shallop/registry/registry.h>

#include "support/engine_proxy.h"
#include "support/faulty_engine.h"
#include "support/loop.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace shallop::test {

/// A registry over the real store and the real engine, in a data directory that is gone at the end. reopen() is a restart.
class Lab {
public:
    explicit Lab(registry::Settings settings = {}) : settings_(std::move(settings)) {
        std::string name = "/tmp/shallop-registry-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        directory_ = name;
        reopen();
    }
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;
    ~Lab() {
        registry_.reset();
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    void reopen() {
        registry_.reset();
        store_.reset();
        store_ = store::Store::open(directory_, pool_, log).value();
        registry_ =
            std::make_unique<registry::Registry>(settings_, *store_, engine, loop.clock(), log, loop.executor());
        REQUIRE(loop.run(registry_->load()));
        registry_->observe([this](const function::FunctionPtr& before, const function::FunctionPtr& after) {
            seen.push_back((before ? std::to_string(before->version) : "-") + ">" +
                           (after ? std::to_string(after->version) : "-"));
        });
    }

    registry::Registry& registry() { return *registry_; }
    store::Store& store() { return *store_; }
    const std::string& directory() const { return directory_; }

    base::Result<registry::Deployed> put(const std::string& name, const std::string& document,
                                         registry::Precondition when = {}) {
        return loop.run(registry_->put(name, document, std::move(when)));
    }
    base::Result<registry::Deployed> patch(const std::string& name, const std::string& document,
                                           registry::Precondition when = {}) {
        return loop.run(registry_->patch(name, document, std::move(when)));
    }
    base::Result<function::FunctionPtr> remove(const std::string& name, registry::Precondition when = {}) {
        return loop.run(registry_->remove(name, std::move(when)));
    }
    function::FunctionPtr find(const std::string& name) { return registry_->catalog()->find(name); }
    std::string route(const std::string& path) {
        std::string allow;
        const auto match = registry_->catalog()->routes.find("localhost", "GET", path, allow);
        return match ? match->owner : "none";
    }

    Loop loop;
    base::Log log{-1};
    docker::CurlEngine real{engine_settings(), loop.executor(), loop.clock(), log};
    FaultyEngine engine{real};
    std::vector<std::string> seen;  ///< what the observer was told: "before>after", as versions

private:
    static docker::EngineSettings engine_settings() {
        docker::EngineSettings settings;
        settings.host = "unix://" + real_engine();
        return settings;
    }

    registry::Settings settings_;
    std::string directory_;
    async::BlockingPool pool_{2};
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<registry::Registry> registry_;
};

}  // namespace shallop::test
