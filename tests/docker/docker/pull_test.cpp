// SPDX-License-Identifier: Apache-2.0
#include "docker/transport.h"
#include "lab.h"
#include "registry.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <fstream>

using namespace shallop;
using namespace std::chrono_literals;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using test::EngineProxy;
using test::Lab;
using test::Registry;
using Act = test::EngineProxy::Act;

namespace {

/// A Docker config file, for as long as it lives.
class ConfigFile {
public:
    explicit ConfigFile(const std::string& text) {
        const int fd = ::mkstemp(path.data());
        base::ensure(fd >= 0, "a file for the configuration");
        ::close(fd);
        std::ofstream(path) << text;
    }
    ConfigFile(const ConfigFile&) = delete;
    ConfigFile& operator=(const ConfigFile&) = delete;
    ~ConfigFile() { std::filesystem::remove(path); }

    std::string path = "/tmp/shallop-config-XXXXXX";
};

docker::EngineSettings with_config(docker::EngineSettings settings, const std::string& path) {
    settings.config_file = path;
    return settings;
}

}  // namespace

TEST_CASE("a pull brings the image, with the registry's credentials and with progress", "[docker]") {
    Registry registry;
    const ConfigFile config(R"({"auths":{")" + registry.name() + R"(":{"auth":"bWU6c2VjcmV0"}}})");
    Lab lab(with_config(test::real(), config.path));
    const std::string image = registry.name() + "/hello:1";
    std::vector<std::string> statuses;
    const auto pulled = lab.loop.run(lab.engine.pull(
        image, [&](const docker::PullProgress& progress) { statuses.push_back(progress.status); }, lab.soon()));
    REQUIRE(pulled);
    CHECK(std::count(statuses.begin(), statuses.end(), "Pull complete") == 1);
    const auto there = lab.loop.run(lab.engine.inspect_image(image, lab.soon()));
    REQUIRE(there);
    CHECK(there->cmd == std::vector<std::string>{"/hello"});
    CHECK(there->labels.at("pulled") == "yes");
    lab.forget(image);
    CHECK(lab.loop.run(lab.engine.inspect_image(image, lab.soon())).error().fault == Fault::not_found);
}

TEST_CASE("a pull without credentials is refused, and the log says why they could not be used", "[docker]") {
    Registry registry;
    const ConfigFile config(R"({"credHelpers":{")" + registry.name() + R"(":"some-helper"}})");
    Lab lab(with_config(test::real(), config.path));
    const auto pulled = lab.loop.run(lab.engine.pull(registry.name() + "/hello:1", {}, lab.soon()));
    REQUIRE_FALSE(pulled);
    CHECK(pulled.error().fault == Fault::engine_refused);
    CHECK_THAT(pulled.error().detail, ContainsSubstring("auth"));
    CHECK_THAT(lab.log.text(), ContainsSubstring("credHelpers are not supported"));
}

TEST_CASE("a tag that the registry does not have is not_found", "[docker]") {
    Registry registry;
    const ConfigFile config(R"({"auths":{")" + registry.name() + R"(":{"auth":"bWU6c2VjcmV0"}}})");
    Lab lab(with_config(test::real(), config.path));
    const auto pulled = lab.loop.run(lab.engine.pull(registry.name() + "/hello:2", {}, lab.soon()));
    REQUIRE_FALSE(pulled);
    CHECK(pulled.error().fault == Fault::not_found);
    CHECK_THAT(pulled.error().detail, ContainsSubstring("manifest"));
}

TEST_CASE("a pull that breaks off or stalls is engine_down, never success", "[docker]") {
    Registry registry;
    EngineProxy proxy;
    const ConfigFile config(R"({"auths":{")" + registry.name() + R"(":{"auth":"bWU6c2VjcmV0"}}})");
    Lab lab(with_config(test::at(proxy.host()), config.path));
    const std::string image = registry.name() + "/hello:1";
    for (const Act act : {Act::truncate, Act::cut, Act::garbage, Act::stall}) {
        CAPTURE(static_cast<int>(act));
        proxy.add({"POST", "/images/create", act});
        const auto limit = act == Act::stall ? lab.loop.in(50ms) : lab.soon();
        const auto pulled = lab.loop.run(lab.engine.pull(image, {}, limit));
        REQUIRE_FALSE(pulled);
        CHECK(pulled.error().fault == Fault::engine_down);
        proxy.clear_rules();
    }
    lab.forget(image);
}

TEST_CASE("a pull from a registry that is not there fails with the engine's words", "[docker]") {
    Lab lab;
    const auto pulled = lab.loop.run(lab.engine.pull("localhost:1/nosuch:1", {}, lab.soon()));
    REQUIRE_FALSE(pulled);
    CHECK(pulled.error().fault == Fault::engine_refused);
    CHECK_THAT(pulled.error().detail, ContainsSubstring("refused"));
    CHECK(lab.loop.run(lab.engine.pull("Not An Image", {}, lab.soon())).error().fault == Fault::invalid);
}
