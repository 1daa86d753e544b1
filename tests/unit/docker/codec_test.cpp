// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_container.h"
#include "docker/codec_engine.h"
#include "docker/codec_json.h"
#include "docker/refusal.h"
#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace shallop;
using namespace shallop::docker;
using base::Fault;
using json::Json;

namespace {

constexpr ApiVersion api{1, 41};

Json encoded(const ContainerSpec& spec, ApiVersion version = api) {
    const auto body = encode_create(spec, version);
    REQUIRE(body);
    return Json::parse(*body);
}

}  // namespace

TEST_CASE("a container is asked for with every lock on, whatever the spec says", "[docker]") {
    ContainerSpec spec;
    spec.image = "alpine";
    const Json body = encoded(spec);
    const Json expected = Json::parse(R"({
        "Image": "alpine", "Labels": {}, "Env": [], "Healthcheck": {"Test": ["NONE"]}, "NetworkDisabled": true,
        "AttachStdin": false, "AttachStdout": false, "AttachStderr": false, "OpenStdin": false, "Tty": false,
        "HostConfig": {
            "AutoRemove": true, "CapDrop": ["ALL"], "CapAdd": [], "Privileged": false, "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": true, "Init": false, "LogConfig": {"Type": "none"}, "RestartPolicy": {"Name": "no"},
            "ShmSize": 16777216, "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}], "CgroupnsMode": "private"}})");
    CHECK(body == expected);
}

TEST_CASE("what the spec asks for is in the body, and nothing else", "[docker]") {
    ContainerSpec spec;
    spec.image = "alpine";
    spec.entrypoint = {"/bin/sh"};
    spec.cmd = {"-c", "true"};
    spec.env = {"A=b"};
    spec.user = "65534";
    spec.working_dir = "/work";
    spec.labels = {{"k", "v"}};
    spec.mounts = {
        {"bind", "/src", "/dst", true, 0}, {"volume", "data", "/data", false, 0}, {"tmpfs", "", "/cache", false, 4096}};
    spec.network = "inner";
    spec.runtime = "crun";
    spec.read_only_root = false;
    spec.tmp_size = 8 * 1024 * 1024;
    spec.secrets_size = 4096;
    spec.gpus.count = 2;
    spec.memory = 1 << 28;
    spec.nano_cpus = 500'000'000;
    spec.pids = 128;
    spec.oom_score_adj = 500;
    spec.files = 1024;
    spec.capabilities_add = {"NET_BIND_SERVICE"};
    spec.auto_remove = false;
    const Json body = encoded(spec);
    const Json& host = body["HostConfig"];
    CHECK(body["Entrypoint"] == Json::array({"/bin/sh"}));
    CHECK(body["Cmd"] == Json::array({"-c", "true"}));
    CHECK(body["Env"] == Json::array({"A=b"}));
    CHECK(body["User"] == "65534");
    CHECK(body["WorkingDir"] == "/work");
    CHECK(body["Labels"] == Json({{"k", "v"}}));
    CHECK(body["NetworkDisabled"] == false);
    CHECK(host["NetworkMode"] == "inner");
    CHECK(host["Runtime"] == "crun");
    CHECK(host["OomScoreAdj"] == 500);
    CHECK(host["ReadonlyRootfs"] == false);
    CHECK(host["Tmpfs"]["/tmp"] == "rw,exec,nosuid,nodev,mode=1777,size=8388608,nr_inodes=2048");
    CHECK(host["Tmpfs"]["/run/secrets"] == "rw,noexec,nosuid,nodev,mode=1777,size=4096,nr_inodes=1024");
    CHECK(host["Tmpfs"].size() == 2);
    CHECK(host["DeviceRequests"] == Json::parse(R"([{"Driver":"","Count":2,"Capabilities":[["gpu"]]}])"));
    CHECK(host["Memory"] == 1 << 28);
    CHECK(host["MemorySwap"] == 1 << 28);
    CHECK(host["NanoCpus"] == 500'000'000);
    CHECK(host["PidsLimit"] == 128);
    CHECK(host["AutoRemove"] == false);
    CHECK(host["CapDrop"] == Json::array({"ALL"}));
    CHECK(host["CapAdd"] == Json::array({"NET_BIND_SERVICE"}));
    CHECK(host["Ulimits"] ==
          Json::parse(R"([{"Name":"core","Soft":0,"Hard":0},{"Name":"nofile","Soft":1024,"Hard":1024}])"));
    CHECK(host["Mounts"] == Json::parse(R"([
        {"Type":"bind","Source":"/src","Target":"/dst","ReadOnly":true,"BindOptions":{"Propagation":"rprivate"}},
        {"Type":"volume","Source":"data","Target":"/data","ReadOnly":false},
        {"Type":"tmpfs","Target":"/cache","ReadOnly":false,"TmpfsOptions":{"SizeBytes":4096}}])"));
    CHECK(body.size() == 15);
    CHECK(host.size() == 22);
}

TEST_CASE("all GPUs are asked for by a count, some by their ids", "[docker]") {
    ContainerSpec spec;
    spec.image = "alpine";
    spec.gpus.count = -1;
    CHECK(encoded(spec)["HostConfig"]["DeviceRequests"] ==
          Json::parse(R"([{"Driver":"","Count":-1,"Capabilities":[["gpu"]]}])"));
    spec.gpus = {0, {"GPU-1", "GPU-2"}};
    CHECK(encoded(spec)["HostConfig"]["DeviceRequests"] ==
          Json::parse(R"([{"Driver":"","DeviceIDs":["GPU-1","GPU-2"],"Capabilities":[["gpu"]]}])"));
}

TEST_CASE("an engine without GPUs is told of with what to do", "[docker]") {
    const auto refused =
        refusal(Verb::start, 500, R"({"message":"could not select device driver \"\" with capabilities: [[gpu]]"})");
    CHECK(refused.fault == Fault::launch_failed);
    CHECK(refused.detail.find("could not select device driver") != std::string::npos);
    CHECK(refused.detail.find("install NVIDIA's container toolkit") != std::string::npos);
}

TEST_CASE("an engine of API 1.40 is not asked for a cgroup namespace", "[docker]") {
    ContainerSpec spec;
    spec.image = "alpine";
    CHECK_FALSE(encoded(spec, {1, 40})["HostConfig"].contains("CgroupnsMode"));
}

TEST_CASE("no spec reaches another network namespace or an unknown kind of mount", "[docker]") {
    for (const char* network : {"host", "container:abc", "ns:/proc/1/ns/net"}) {
        CAPTURE(network);
        ContainerSpec spec;
        spec.image = "alpine";
        spec.network = network;
        const auto body = encode_create(spec, api);
        REQUIRE_FALSE(body);
        CHECK(body.error().fault == Fault::invalid);
    }
    for (const Mount& mount : {Mount{"npipe", "/a", "/b", true, 0}, Mount{"bind", "relative", "/b", true, 0},
                               Mount{"bind", "/a", "relative", true, 0}, Mount{"", "/a", "/b", true, 0}}) {
        ContainerSpec spec;
        spec.image = "alpine";
        spec.mounts = {mount};
        const auto body = encode_create(spec, api);
        REQUIRE_FALSE(body);
        CHECK(body.error().fault == Fault::invalid);
    }
}

TEST_CASE("a value that is not UTF-8 does not break the body", "[docker]") {
    ContainerSpec spec;
    spec.image = "alpine";
    spec.env = {"A=\xff\xfe"};
    CHECK(encoded(spec)["Env"][0] == "A=\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("members of the wrong type read as empty", "[docker]") {
    const auto image = decode_image(R"({"Id":"sha256:1","Config":{"Entrypoint":"one","Cmd":[1,"two",null],"Env":{"a":1},
        "ExposedPorts":[1],"WorkingDir":7,"User":null,"Labels":{"a":1,"b":"c"}}})");
    REQUIRE(image);
    CHECK(image->entrypoint == std::vector<std::string>{"one"});
    CHECK(image->cmd == std::vector<std::string>{"two"});
    CHECK(image->env.empty());
    CHECK(image->exposed_ports.empty());
    CHECK(image->working_dir.empty());
    CHECK(image->labels == std::map<std::string, std::string>{{"b", "c"}});
    const auto state = decode_container(R"({"Id":"1","State":[],"Config":"x","Mounts":[1,{"Type":2}],"Name":["/a"]})");
    REQUIRE(state);
    CHECK(state->status.empty());
    CHECK(state->mounts.size() == 2);
    const auto info = decode_info(R"({"NCPU":"two","MemTotal":-5,"Runtimes":null})");
    REQUIRE(info);
    CHECK(info->cpus == 0);
    CHECK(info->memory == 0);
}

TEST_CASE("a reply that is another document is none", "[docker]") {
    for (const char* body : {"", "null", "[]", "7", "\"x\"", "{", "<html>", "{}x"}) {
        CAPTURE(body);
        CHECK_FALSE(decode_image(body));
        CHECK_FALSE(decode_container(body));
        CHECK_FALSE(decode_created(body));
        CHECK_FALSE(decode_wait(body));
        CHECK_FALSE(decode_event(body));
        CHECK_FALSE(decode_version(body));
        CHECK_FALSE(decode_info(body));
        CHECK_FALSE(decode_pull_line(body));
    }
    CHECK_FALSE(decode_list("{}"));
    CHECK(decode_list("[]").value().empty());
    CHECK(decode_list(R"([1,{"Names":["/a"]},{"Id":"2"}])").value().size() == 1);
}

TEST_CASE("deep nesting is refused before it is parsed, numbers of any size are read", "[docker]") {
    CHECK_FALSE(json::parse(std::string(1'000'000, '[')));
    CHECK_FALSE(json::parse(std::string(65, '[') + std::string(65, ']')));
    CHECK(json::parse(std::string(64, '[') + std::string(64, ']')));
    CHECK(json::parse("\"" + std::string(200, '[') + "\\\"[\""));
    const auto numbers =
        json::parse(R"({"a":18446744073709551615,"b":-9223372036854775808,"c":1e300,"d":2.9,"e":true})");
    REQUIRE(numbers);
    CHECK(json::integer(*numbers, "a") == std::numeric_limits<std::int64_t>::max());
    CHECK(json::integer(*numbers, "b") == std::numeric_limits<std::int64_t>::min());
    CHECK(json::integer(*numbers, "c") == 0);
    CHECK(json::integer(*numbers, "d") == 2);
    CHECK(json::integer(*numbers, "e") == 0);
}

TEST_CASE("pull lines carry progress or the error that ends them", "[docker]") {
    const auto line = decode_pull_line(
        R"({"status":"Downloading","progressDetail":{"current":10,"total":100},"progress":"[=> ]","id":"3f4ca61aafcd"})");
    REQUIRE(line);
    CHECK(line->progress.layer == "3f4ca61aafcd");
    CHECK(line->progress.status == "Downloading");
    CHECK(line->progress.current == 10);
    CHECK(line->progress.total == 100);
    CHECK(line->error.empty());
    const auto failed =
        decode_pull_line(R"({"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"})");
    REQUIRE(failed);
    CHECK(failed->error == "manifest unknown");
    CHECK(decode_pull_line(R"({"error":"old form"})").value().error == "old form");
}

TEST_CASE("the reason of a failed pull decides its fault", "[docker]") {
    CHECK(pull_refusal("manifest for alpine:nosuch not found: manifest unknown: manifest unknown").fault ==
          Fault::not_found);
    CHECK(pull_refusal("pull access denied for x, repository does not exist or may require 'docker login'").fault ==
          Fault::not_found);
    CHECK(pull_refusal("unauthorized: authentication required").fault == Fault::engine_refused);
    CHECK(pull_refusal("dial tcp: lookup registry-1.docker.io: no such host").fault == Fault::engine_refused);
    CHECK(pull_refusal("write /var/lib/docker/tmp/x: no space left on device").fault == Fault::engine_refused);
    CHECK_FALSE(pull_refusal("").detail.empty());
}

TEST_CASE("the engine's words cannot forge a log line and are cut between characters", "[docker]") {
    CHECK(log_safe("a\nb\x1b[31m\x7f\x00z") == "a b [31m");
    CHECK(log_safe(std::string("a\0b", 3)) == "a b");
    CHECK(log_safe("gr\xc3\xbc\xc3\x9f \xff\xc3") == "gr\xc3\xbc\xc3\x9f ??");
    CHECK(log_safe("\xc2\x9b[31m") == " [31m");
    CHECK(log_safe("\xc3\xbc\xc3\xbc", 3) == "\xc3\xbc");
    CHECK(log_safe(std::string(5000, 'x')).size() == 1024);
    CHECK(refusal(Verb::start, 500, "").detail == "the engine answered 500 to start");
    CHECK(refusal(Verb::start, 500, "{\"message\":7}").detail == "the engine answered 500 to start");
    CHECK(refusal(Verb::info, 502, "Bad Gateway\r\n").detail == "Bad Gateway");
    CHECK(message_of(R"({"message":"a\nb"})") == "a b");
}

TEST_CASE("filters are JSON whatever a label holds", "[docker]") {
    CHECK(Json::parse(label_filter({"a=b", "c=\"d"}, false)) == Json::parse(R"({"label":["a=b","c=\"d"]})"));
    CHECK(Json::parse(label_filter({}, true)) == Json::parse(R"({"type":["container"]})"));
}
