// SPDX-License-Identifier: Apache-2.0
#include <shallop/instance/launcher.h>

#include <catch2/catch_test_macros.hpp>

using namespace shallop;

namespace {

function::Function example() {
    function::Function function;
    function.spec.name = "f";
    function.version = 3;
    function.image.id = "sha256:1";
    function.image.entrypoint = {"/entry"};
    function.image.cmd = {"a", "b"};
    return function;
}

instance::Settings settings() {
    instance::Settings own;
    own.run_dir = "/run/shallop";
    own.host_run_dir = "/srv/run";
    own.daemon_id = "d";
    return own;
}

}  // namespace

TEST_CASE("a container is locked down unless its function says otherwise", "[instance]") {
    const auto spec = container_for(example(), settings(), "i");
    CHECK(spec.network.empty());
    CHECK(spec.read_only_root);
    CHECK(spec.auto_remove);
    CHECK(spec.capabilities_add.empty());
    CHECK(spec.memory == 256ULL << 20);
    CHECK(spec.nano_cpus == 1'000'000'000);
    CHECK(spec.pids == 128);
    CHECK(spec.oom_score_adj == 500);
    CHECK(spec.files == 0);  // each process gets its own at exec
    CHECK(spec.tmp_size == 64ULL << 20);
    CHECK(spec.labels.at("shallop.daemon") == "d");
    CHECK(spec.labels.at("shallop.function") == "f");
    CHECK(spec.labels.at("shallop.version") == "3");
    CHECK(spec.labels.at("shallop.instance") == "i");
}

TEST_CASE("a container is made from the resolved image and mounts host paths", "[instance]") {
    const auto spec = container_for(example(), settings(), "i");
    CHECK(spec.image == "sha256:1");
    CHECK(spec.entrypoint == std::vector<std::string>{"/.shallop/shim"});
    REQUIRE(spec.mounts.size() == 1);
    CHECK(spec.mounts[0].source == "/srv/run/i/i");
    CHECK(spec.mounts[0].target == "/.shallop");
    CHECK(spec.mounts[0].read_only);
}

TEST_CASE("a function from source mounts its instance's place for code, and nothing of another's", "[instance]") {
    auto function = example();
    function.spec.source.emplace().runtime = "python";
    auto own = settings();
    own.host_code_dir = "/srv/code";
    const auto code = container_for(function, own, "i").mounts.at(1);
    CHECK(code.source == "/srv/code/instances/i");
    CHECK(code.target == "/code");
    CHECK(code.read_only);
    CHECK(code.propagation.empty());
    own.code_in_volume = true;
    CHECK(container_for(function, own, "i").mounts.at(1).propagation == "rslave");
}

TEST_CASE("a command takes the place of CMD, and ENTRYPOINT stays", "[instance]") {
    auto function = example();
    CHECK(container_for(function, settings(), "i").cmd == std::vector<std::string>{"/entry", "a", "b"});
    function.spec.command = {"c"};
    CHECK(container_for(function, settings(), "i").cmd == std::vector<std::string>{"/entry", "c"});
    function.spec.command = std::vector<std::string>{};
    CHECK(container_for(function, settings(), "i").cmd == std::vector<std::string>{"/entry"});
}

TEST_CASE("an existing network is joined only where the function names it", "[instance]") {
    auto function = example();
    function.spec.network = "backend";
    CHECK(container_for(function, settings(), "i").network == "backend");
}

TEST_CASE("room for secrets is made for functions that have some, and for what waits for code", "[instance]") {
    auto function = example();
    CHECK(container_for(function, settings(), "i").secrets_size == 0);
    function.spec.secrets = {{"db", "db"}};
    CHECK(container_for(function, settings(), "i").secrets_size == 33 * 64 * 1024);
    auto waiting = example();
    waiting.spec.source.emplace().runtime = "python";
    CHECK(container_for(waiting, settings(), "i").secrets_size == 33 * 64 * 1024);
    waiting.spec.source->code = "sha256:1";
    CHECK(container_for(waiting, settings(), "i").secrets_size == 0);
}

TEST_CASE("a secret leaves no trace in what the engine is told", "[instance]") {
    auto function = example();
    function.spec.secrets = {{"db-password", "password.txt"}};
    const auto spec = container_for(function, settings(), "i");
    CHECK(spec.env.empty());
    CHECK(spec.labels.size() == 4);
    CHECK(spec.cmd == std::vector<std::string>{"/entry", "a", "b"});
    CHECK(spec.mounts.size() == 1);
}

TEST_CASE("GPUs are the function's to ask for, and none are there by themselves", "[instance]") {
    auto function = example();
    CHECK(container_for(function, settings(), "i").gpus.count == 0);
    CHECK(container_for(function, settings(), "i").gpus.ids.empty());
    function.spec.gpus.count = function::all_gpus;
    CHECK(container_for(function, settings(), "i").gpus.count == -1);
    function.spec.gpus = {0, {"GPU-1"}};
    CHECK(container_for(function, settings(), "i").gpus.ids == std::vector<std::string>{"GPU-1"});
}
