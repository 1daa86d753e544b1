// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <shallop/daemon/settings.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>
#include <cstdio>
#include <fstream>

using namespace shallop;
using namespace shallop::daemon;

namespace {

using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

base::Result<Loaded> load(const Words& words, const Variables& variables = {}) {
    return load_settings(words, [&](const std::string& name) -> std::optional<std::string> {
        const auto at = variables.find(name);
        return at == variables.end() ? std::nullopt : std::optional(at->second);
    });
}

struct File {
    explicit File(const std::string& text) {
        path = "/tmp/shallop-settings-" + std::to_string(::getpid()) + ".yaml";
        std::ofstream(path) << text;
    }
    ~File() { std::remove(path.c_str()); }
    std::string path;
};

}  // namespace

TEST_CASE("a flag goes before a variable before a file before the default", "[daemon]") {
    const File file("listen: 1.1.1.1:1\ngrace: 5s\nlog-level: warn\n");
    const auto loaded =
        load({"--config", file.path, "--listen=3.3.3.3:3"}, {{"SHALLOP_LISTEN", "2.2.2.2:2"}, {"SHALLOP_GRACE", "7s"}});
    REQUIRE(loaded);
    CHECK(loaded->settings.listen == "3.3.3.3:3");
    CHECK(loaded->settings.grace == std::chrono::seconds(7));
    CHECK(loaded->settings.log_level == "warn");
    CHECK(loaded->settings.admin_listen == "127.0.0.1:8081");
}

TEST_CASE("a secret is read from the file that a variable names, and never shown", "[daemon]") {
    const File file("0123456789abcdef\n");
    const auto loaded = load({}, {{"SHALLOP_ADMIN_TOKEN_FILE", file.path}});
    REQUIRE(loaded);
    CHECK(loaded->settings.admin_token == "0123456789abcdef");
    for (const auto& [name, value] : loaded->effective) CHECK(value != "0123456789abcdef");
    CHECK(load({"--admin-token-file", file.path})->settings.admin_token == "0123456789abcdef");
}

TEST_CASE("every refusal names where the value came from", "[daemon]") {
    const auto says = [](const Words& words, const Variables& variables = {}) {
        const auto loaded = load(words, variables);
        return loaded ? std::string("accepted") : loaded.error().detail;
    };
    CHECK(says({"--grace", "soon"}).starts_with("--grace: "));
    CHECK(says({}, {{"SHALLOP_GRACE", "soon"}}).starts_with("SHALLOP_GRACE: "));
    CHECK(says({"--lisen", "x"}).find("--lisen") != std::string::npos);
    CHECK(says({"listen"}).find("not a flag") != std::string::npos);
    CHECK(says({"--listen"}).find("needs a value") != std::string::npos);
    CHECK(says({"--max-instances", "0"}).find("from 1") != std::string::npos);
    CHECK(says({"--config", "/nonexistent"}).find("/nonexistent") != std::string::npos);
    CHECK(says({"--admin-token", "short"}).find("16 characters") != std::string::npos);
    CHECK(says({"--callback-allow", "10.0.0.1,here"}).starts_with("--callback-allow: 'here' is no address"));
    CHECK(says({"--trusted-proxies", "10.0.0.1:80"}).starts_with("--trusted-proxies: '10.0.0.1:80' is no address"));
    CHECK(says({"--trusted-proxies", "10.0.0.1,unix,fd00::/8"}) == "accepted");
    const File file("lisen: 1\n");
    CHECK(says({"--config", file.path}).find("'lisen'") != std::string::npos);
}

TEST_CASE("an admin API without a token is refused on a public address", "[daemon]") {
    CHECK_FALSE(load({"--admin-auth", "none", "--admin-listen", "0.0.0.0:8081"}));
    CHECK(load({"--admin-auth", "none"}));
    CHECK(load({"--admin-auth", "none", "--admin-listen", "unix:/tmp/a"}));
}

TEST_CASE("the engine is found through DOCKER_HOST unless told otherwise", "[daemon]") {
    CHECK(load({})->settings.docker_host == "unix:///var/run/docker.sock");
    CHECK(load({}, {{"DOCKER_HOST", "tcp://1.2.3.4:2375"}})->settings.docker_host == "tcp://1.2.3.4:2375");
    CHECK(load({"--docker-host", "unix:///x"}, {{"DOCKER_HOST", "tcp://1.2.3.4:2375"}})->settings.docker_host ==
          "unix:///x");
}

TEST_CASE("the help names each setting with its default", "[daemon]") {
    const auto help = settings_help();
    CHECK(help.find("--listen ADDRESS") != std::string::npos);
    CHECK(help.find("[0.0.0.0:8080]") != std::string::npos);
    CHECK(help.find("[30s]") != std::string::npos);
}

TEST_CASE("a daemon in a container finds its own id and the host's path of a mount", "[daemon]") {
    const std::string id(64, 'a');
    CHECK(own_container("1 2 0:3 /var/lib/docker/containers/" + id +
                        "/hostname /etc/hostname rw - ext4 /dev/vda rw\n") == id);
    CHECK(own_container("1 2 0:3 / / rw - ext4 /dev/vda rw\n").empty());
    const std::vector<docker::ContainerMount> mounts{{"bind", "/srv/run", "/run/shallop", ""},
                                                     {"bind", "/other", "/run", ""}};
    CHECK(host_path(mounts, "/run/shallop") == "/srv/run");
    CHECK(host_path(mounts, "/run/shallop/x") == "/srv/run/x");
    CHECK(host_path(mounts, "/run/shallopx") == "/other/shallopx");
    CHECK(host_path(mounts, "/var").empty());
}

TEST_CASE("the machine's memory is read as the kernel writes it", "[daemon]") {
    const auto memory =
        daemon::read_memory("MemTotal:       24607156 kB\nMemFree:  1 kB\nMemAvailable:   20000000 kB\n");
    CHECK(memory.total == 24607156ULL * 1024);
    CHECK(memory.available == 20000000ULL * 1024);
    CHECK(daemon::read_memory("").total == 0);
    CHECK(daemon::read_memory("SwapTotal: 5 kB\n").available == 0);
}

TEST_CASE("what is asked for of TLS and cannot hold is refused", "[daemon]") {
    const auto says = [](const Words& words, const Variables& variables = {}) {
        const auto loaded = load(words, variables);
        return loaded ? std::string("accepted") : loaded.error().detail;
    };
    CHECK(says({"--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a"}) == "accepted");
    CHECK(says({"--tls-cert", "c"}).find("give --tls-key too") != std::string::npos);
    CHECK(says({"--tls-key", "k"}).find("give --tls-cert too") != std::string::npos);
    CHECK(says({"--tls-client-ca", "a"}).find("needs --tls-cert") != std::string::npos);
    CHECK(says({"--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a", "--admin-listen", "unix:/s"})
              .find("unix socket") != std::string::npos);
}

TEST_CASE("a key that stands where its file's name should is refused, and shown nowhere", "[daemon]") {
    const File file("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    const auto loaded = load({"--tls-cert", "c"}, {{"SHALLOP_TLS_KEY_FILE", file.path}});
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().detail.starts_with("SHALLOP_TLS_KEY_FILE: takes the name of a file"));
    CHECK(loaded.error().detail.find("BEGIN") == std::string::npos);
}

TEST_CASE("a reload reads the same words again", "[daemon]") {
    const Words words{"--log-level", "debug"};
    CHECK(load(words)->words == words);
}
