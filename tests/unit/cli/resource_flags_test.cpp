// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_flags.h"

#include "support/complaints.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using Json = nlohmann::ordered_json;

namespace {

std::optional<std::string> environment(const std::string& name) {
    return name == "HERE" ? std::optional<std::string>("there") : std::nullopt;
}

Json made(cli::ResourceFlags flags) {
    flags.image = "i";
    const auto resource = cli::resource_from(flags, environment);
    REQUIRE(resource);
    return *resource;
}

cli::Complaint refused(cli::ResourceFlags flags) {
    const auto resource = cli::resource_from(flags, environment);
    REQUIRE_FALSE(resource);
    return resource.error();
}

cli::ResourceFlags with(std::vector<std::string> cli::ResourceFlags::* member, std::vector<std::string> values) {
    cli::ResourceFlags flags;
    flags.*member = std::move(values);
    return flags;
}

}  // namespace

TEST_CASE("what was not typed is left to the daemon", "[cli]") { CHECK(made({}) == Json::parse(R"({"image":"i"})")); }

TEST_CASE("flags become members of the resource", "[cli]") {
    cli::ResourceFlags flags;
    flags.command = {"tr", "a-z", "A-Z"};
    flags.network = "front";
    flags.memory = "64Mi";
    flags.cpus = "0.5";
    flags.pids = "10";
    flags.max = "3";
    flags.queue_timeout = "5s";
    flags.writable_root = true;
    CHECK(made(flags) == Json::parse(R"({"image":"i","command":["tr","a-z","A-Z"],"network":"front","read_only":false,
        "limits":{"memory":"64Mi","cpus":0.5,"pids":10},"scale":{"max":3,"queue_timeout":"5s"}})"));
}

TEST_CASE("a route may name methods and a host", "[cli]") {
    const auto flags = with(&cli::ResourceFlags::routes, {"/a/{id}", "POST /b", "GET,PUT example.org/c/*"});
    CHECK(made(flags).at("routes") == Json::parse(R"([{"path":"/a/{id}"},{"methods":["POST"],"path":"/b"},
        {"methods":["GET","PUT"],"host":"example.org","path":"/c/*"}])"));
    CHECK(refused(with(&cli::ResourceFlags::routes, {"nowhere"})).what.find("--route") != std::string::npos);
}

TEST_CASE("a variable has a value, or takes the one it has here", "[cli]") {
    const auto flags = with(&cli::ResourceFlags::env, {"A=b=c", "EMPTY=", "HERE"});
    CHECK(made(flags).at("env") == Json::parse(R"({"A":"b=c","EMPTY":"","HERE":"there"})"));
    CHECK(refused(with(&cli::ResourceFlags::env, {"NOT_SET"})).what.find("NOT_SET") != std::string::npos);
    CHECK(refused(with(&cli::ResourceFlags::env, {"=x"})).status == 2);
}

TEST_CASE("a mount is read-only unless it says rw", "[cli]") {
    const auto flags = with(&cli::ResourceFlags::mounts, {"data:/srv", "/host/dir:/srv2:rw"});
    CHECK(made(flags).at("mounts") ==
          Json::parse(R"([{"type":"volume","source":"data","target":"/srv","read_only":true},
        {"type":"bind","source":"/host/dir","target":"/srv2","read_only":false}])"));
    for (const auto* text : {"data", ":/x", "data:", "a:/b:rx", "a:/b:ro:c"}) {
        INFO(text);
        CHECK(refused(with(&cli::ResourceFlags::mounts, {text})).status == 2);
    }
}

TEST_CASE("contract options and a number that is none", "[cli]") {
    cli::ResourceFlags flags;
    flags.output = "raw";
    flags.pass_authorization = true;
    CHECK(made(flags).at("contract") == Json::parse(R"({"cgi":{"output":"raw","pass_authorization":true}})"));
    cli::ResourceFlags bad;
    bad.pids = "many";
    CHECK(refused(bad).what.find("--pids") != std::string::npos);
}

TEST_CASE("flags of the contract http become its options", "[cli]") {
    cli::ResourceFlags flags;
    flags.contract = "http";
    CHECK(made(flags).at("contract") == "http");
    flags.port = "8080";
    CHECK(made(flags).at("contract") == Json::parse(R"({"http":{"port":8080}})"));
    flags.contract.clear();
    flags.port = "unix:/tmp/fn.sock";
    flags.ready_path = "/healthz";
    CHECK(made(flags).at("contract") ==
          Json::parse(R"({"http":{"port":"unix:/tmp/fn.sock","ready_path":"/healthz"}})"));
    flags.port = "http";
    CHECK(refused(flags).what.find("--port") != std::string::npos);
}

TEST_CASE("contract fcgi has a port, and passes credentials where it is told to", "[cli]") {
    cli::ResourceFlags flags;
    flags.contract = "fcgi";
    CHECK(made(flags).at("contract") == "fcgi");
    flags.port = "9001";
    flags.pass_authorization = true;
    CHECK(made(flags).at("contract") == Json::parse(R"({"fcgi":{"port":9001,"pass_authorization":true}})"));
    flags.ready_path = "/healthz";
    CHECK(refused(flags).todo.find("--contract fcgi") != std::string::npos);
}

TEST_CASE("options of two contracts are refused", "[cli]") {
    cli::ResourceFlags flags;
    flags.port = "80";
    flags.contract = "cgi";
    CHECK(refused(flags).status == 2);
    flags.contract.clear();
    flags.output = "raw";
    CHECK(refused(flags).status == 2);
    flags.port.clear();
    flags.contract = "http";
    CHECK(refused(flags).todo.find("--port") != std::string::npos);
}

TEST_CASE("every member of scale has its flag", "[cli]") {
    cli::ResourceFlags flags;
    flags.min = "1";
    flags.max = "20";
    flags.concurrency = "10";
    flags.reuse = true;
    flags.idle_timeout = "10m";
    flags.idle = "pause";
    flags.keep_alive = "learned";
    flags.max_invocations = "1000";
    flags.queue = "5";
    flags.queue_timeout = "1s";
    CHECK(made(flags).at("scale") == Json::parse(R"({"reuse":true,"min":1,"max":20,"concurrency":10,
        "max_invocations":1000,"queue":5,"idle_timeout":"10m","idle":"pause","keep_alive":"learned","queue_timeout":"1s"})"));
    cli::ResourceFlags fresh;
    fresh.fresh = true;
    fresh.standby = "3";
    CHECK(made(fresh).at("scale") == Json::parse(R"({"reuse":false,"standby":3})"));
    fresh.reuse = true;
    CHECK(refused(fresh).what.find("--fresh") != std::string::npos);
    cli::ResourceFlags bad;
    bad.max_invocations = "many";
    CHECK(refused(bad).what.find("--max-invocations") != std::string::npos);
}

TEST_CASE("a secret may be a file of another name", "[cli]") {
    const auto flags = with(&cli::ResourceFlags::secrets, {"db", "tls:tls.pem"});
    CHECK(made(flags).at("secrets") == Json::parse(R"(["db",{"name":"tls","file":"tls.pem"}])"));
}

TEST_CASE("GPUs are a number, all of them, or ids", "[cli]") {
    cli::ResourceFlags flags;
    flags.gpus = "2";
    CHECK(made(flags).at("gpus") == 2);
    flags.gpus = "all";
    CHECK(made(flags).at("gpus") == "all");
    flags.gpus = "GPU-1,GPU-2";
    CHECK(made(flags).at("gpus") == Json::parse(R"(["GPU-1","GPU-2"])"));
}
