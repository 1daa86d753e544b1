// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <random>
#include <sstream>

using namespace shallop;
using namespace std::chrono_literals;
using function::Contract;
using function::ContractKind;
using function::Function;
using function::MountKind;
using function::Output;
using function::parse_resource;
using function::Spec;
using nlohmann::json;

namespace {

/// Random resources within the bounds; the seed is in the test's name and in each failure.
class Specs {
public:
    explicit Specs(unsigned seed) : random_(seed) {}

    Spec next() {
        Spec spec;
        spec.name = "f";
        spec.image = pick({"alpine", "registry.example.org:5000/a/b:1", "a@sha256:" + std::string(64, 'b')});
        spec.contract = contract();
        if (chance()) spec.command = std::vector<std::string>{"sh", "-c", text()};
        for (int n = number(0, 3); n > 0; --n) spec.routes.push_back(route());
        for (int n = number(0, 3); n > 0; --n) spec.env["V" + std::to_string(n)] = text();
        spec.user = pick({"", "1000:1000", "www-data"});
        spec.network = pick({"none", "bridge", "my.net"});
        spec.runtime = pick({"", "crun"});
        spec.read_only = chance();
        if (chance()) spec.capabilities = {"SETUID", "CHOWN"};
        spec.pull = pick({"if-missing", "always", "never"});
        for (int n = number(0, 3); n > 0; --n) spec.mounts.push_back(mount(n));
        limits(spec.limits);
        scale(spec.scale);
        return spec;
    }

private:
    int number(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }
    bool chance() { return number(0, 1) == 1; }
    std::string pick(const std::vector<std::string>& words) {
        return words[static_cast<std::size_t>(number(0, static_cast<int>(words.size()) - 1))];
    }
    std::string text() { return pick({"", "a b", "\"\\\n\t\x01", "ünï\xF0\x9F\x9A\xA3", "/", "~0"}); }
    base::Duration time() { return std::chrono::milliseconds(number(1, 86'400'000)); }
    base::Bytes size() { return static_cast<base::Bytes>(number(0, 1 << 20)) << number(0, 20); }

    Contract contract() {
        Contract contract;
        contract.automatic = chance();
        contract.kind = static_cast<ContractKind>(number(0, 2));
        if (contract.automatic || contract.kind == ContractKind::http) contract.reason = text();
        if (contract.kind != ContractKind::cgi) {
            if (contract.kind == ContractKind::http) {
                contract.ready_path = pick({"", "/healthz", "/h?deep=1&x=%20"});
            } else {
                contract.root = pick({"", "/srv"});
                contract.index = pick({"", "index.php", "public/app.cgi"});
                contract.pass_authorization = chance();
            }
            contract.port = number(0, 65'535);
            if (!contract.automatic && chance()) contract.socket = "/tmp/fn.sock";
            if (!contract.socket.empty()) contract.port = 0;
            return contract;
        }
        contract.output = static_cast<Output>(number(0, 3));
        contract.document_root = pick({"", "/srv"});
        contract.script = pick({"", "/srv/index.php"});
        contract.pass_authorization = chance();
        return contract;
    }
    function::Route route() {
        function::Route route;
        route.path = pick({"/", "/a/{id}", "/files/{rest...}", "/b/*", "/%20"});
        if (chance()) route.methods = {"GET", "PROPFIND"};
        route.host = pick({"", "a.example.org", "*.example.org"});
        return route;
    }
    function::Mount mount(int n) {
        function::Mount mount;
        mount.kind = static_cast<MountKind>(number(0, 2));
        mount.source = mount.kind == MountKind::volume ? "data" : mount.kind == MountKind::bind ? "/srv/data" : "";
        mount.target = "/mnt/" + std::to_string(n);
        mount.read_only = mount.kind != MountKind::tmpfs && chance();
        if (mount.kind == MountKind::tmpfs) mount.size = size();
        return mount;
    }
    void limits(function::Limits& limits) {
        limits.memory = (6ULL << 20) + size();
        limits.cpus = std::uniform_real_distribution(0.01, 256.0)(random_);
        limits.pids = number(3, 32'768);
        limits.files = number(16, 1'048'576);
        limits.tmp = size();
        limits.timeout = time();
        limits.request_body = size();
        if (chance()) limits.response_body = size();
        limits.log_rate = size() % (1ULL << 30);
    }

    void scale(function::Scale& scale) {
        scale.max = number(1, 1000);
        scale.reuse = chance();
        if (scale.reuse) {
            scale.min = number(0, scale.max);
            scale.concurrency = number(1, 1000);
            scale.max_invocations = number(0, 1'000'000);
        } else {
            scale.standby = number(0, scale.max);
        }
        scale.idle_timeout = time();
        scale.idle = pick({"keep", "pause"});
        scale.keep_alive = pick({"fixed", "learned"});
        scale.queue = number(0, 100'000);
        scale.queue_timeout = time();
    }

    std::mt19937 random_;
};

Function some_function(const Spec& spec) {
    Function function;
    function.spec = spec;
    function.image.id = "sha256:1234";
    function.version = 7;
    function.etag = "0123456789abcdef";
    function.created = "2026-11-21T05:37:00.123Z";
    function.updated = "2026-11-21T05:38:00.123Z";
    return function;
}

}  // namespace

TEST_CASE("an image alone gets every default of the product", "[function]") {
    const auto spec = parse_resource(R"({"image":"resize:1"})", "resize").value();
    CHECK(spec.name == "resize");
    CHECK(spec.contract.automatic);
    CHECK_FALSE(spec.command);
    CHECK(spec.network == "none");
    CHECK(spec.read_only);
    CHECK(spec.pull == "if-missing");
    CHECK(spec.limits.memory == 256ULL << 20);
    CHECK(spec.limits.cpus == 1.0);
    CHECK(spec.limits.pids == 128);
    CHECK(spec.limits.files == 1024);
    CHECK(spec.limits.tmp == 64ULL << 20);
    CHECK(spec.limits.timeout == 30s);
    CHECK(spec.limits.request_body == 6ULL << 20);
    CHECK_FALSE(spec.limits.response_body);
    CHECK(spec.limits.log_rate == 1ULL << 20);
    CHECK(spec.scale == function::Scale{});
    CHECK(spec.scale.max == 10);
    CHECK(spec.scale.queue == 100);
    CHECK(spec.scale.reuse);
    CHECK(spec.scale.min == 0);
    CHECK(spec.scale.concurrency == 1);
    CHECK(spec.scale.standby == 0);
    CHECK(spec.scale.idle_timeout == 5min);
    CHECK(spec.scale.idle == "keep");
    CHECK(spec.scale.keep_alive == "fixed");
    CHECK(spec.scale.max_invocations == 0);
}

TEST_CASE("the whole resource with its defaults spelled out is the same as the image alone", "[function]") {
    const auto spelled = parse_resource(R"({
  "name": "resize", "image": "resize:1", "contract": "auto", "command": null, "routes": [],
  "env": {}, "secrets": [], "source": null, "user": null, "network": "none", "mounts": [], "runtime": null, "read_only": true, "gpus": 0,
  "limits": {"memory": "256Mi", "cpus": 1.0, "pids": 128, "files": 1024, "tmp": "64Mi", "timeout": "30s",
             "request_body": "6Mi", "response_body": "unlimited", "log_rate": "1Mi/s"},
  "scale": {"min": 0, "max": 10, "concurrency": 1, "reuse": true, "standby": 0, "idle_timeout": "5m", "idle": "keep",
            "keep_alive": "fixed", "max_invocations": 0, "queue": 100, "queue_timeout": "30s"}
})",
                                        "resize")
                             .value();
    CHECK(spelled == parse_resource(R"({"image":"resize:1"})", "resize").value());
}

TEST_CASE("sizes and durations are read as texts and as numbers", "[function]") {
    const auto read = [](const std::string& limits) {
        return parse_resource(R"({"image":"i","limits":)" + limits + "}", "f").value().limits;
    };
    CHECK(read(R"({"memory":"1.5Gi"})").memory == 3ULL << 29);
    CHECK(read(R"({"memory":33554432})").memory == 32ULL << 20);
    CHECK(read(R"({"memory":1e9})").memory == 1'000'000'000);
    CHECK(read(R"({"timeout":"1m30s"})").timeout == 90s);
    CHECK(read(R"({"timeout":1.5})").timeout == 1500ms);
    CHECK(read(R"({"timeout":0.001})").timeout == 1ms);
    CHECK(read(R"({"response_body":"10Mi"})").response_body == 10ULL << 20);
    CHECK(read(R"({"response_body":0})").response_body == 0);
    CHECK(read(R"({"log_rate":1024})").log_rate == 1024);
    CHECK(read(R"({"log_rate":"2Mi"})").log_rate == 2ULL << 20);
    CHECK(read(R"({"pids":64.0})").pids == 64);
}

TEST_CASE("each spelling of a contract is read", "[function]") {
    const auto read = [](const std::string& contract) {
        return parse_resource(R"({"image":"i","contract":)" + contract + "}", "f").value().contract;
    };
    CHECK(read(R"("auto")").automatic);
    CHECK_FALSE(read(R"("cgi")").automatic);
    CHECK(read(R"("cgi")") == read(R"({"cgi":{}})"));
    const auto full =
        read(R"({"cgi":{"output":"nph","document_root":"/srv","script":"/srv/i.php","pass_authorization":true}})");
    CHECK(full.output == Output::nph);
    CHECK(full.document_root == "/srv");
    CHECK(full.script == "/srv/i.php");
    CHECK(full.pass_authorization);
    const auto explained = read(R"({"kind":"cgi","auto":true,"reason":"so","output":"raw"})");
    CHECK(explained.automatic);
    CHECK(explained.reason == "so");
    CHECK(explained.output == Output::raw);
    CHECK(read(R"("http")").kind == ContractKind::http);
    CHECK(read(R"("http")") == read(R"({"http":{"port":null,"ready_path":null}})"));
    const auto http = read(R"({"http":{"port":8080,"ready_path":"/healthz"}})");
    CHECK_FALSE(http.automatic);
    CHECK(http.port == 8080);
    CHECK(http.ready_path == "/healthz");
    CHECK(read(R"({"kind":"http","auto":false,"port":8080,"ready_path":"/healthz"})") == http);
    const auto socket = read(R"({"http":{"port":"unix:/run/fn.sock"}})");
    CHECK(socket.socket == "/run/fn.sock");
    CHECK(socket.port == 0);
    CHECK(read(R"("fcgi")").kind == ContractKind::fcgi);
    CHECK(read(R"("fcgi")") == read(R"({"fcgi":{"port":null,"root":null,"index":null}})"));
    const auto fcgi = read(
        R"({"fcgi":{"port":"unix:/run/php.sock","root":"/srv/app","index":"public/index.php","pass_authorization":true}})");
    CHECK(fcgi.socket == "/run/php.sock");
    CHECK(fcgi.root == "/srv/app");
    CHECK(fcgi.index == "public/index.php");
    CHECK(fcgi.pass_authorization);
    CHECK_FALSE(fcgi.automatic);
}

TEST_CASE("each member of scale is read", "[function]") {
    const auto scale = parse_resource(R"({"image":"i","scale":{"min":2,"max":20,"concurrency":8,"idle_timeout":"0s",
        "idle":"pause","keep_alive":"learned","max_invocations":1000,"queue":5,"queue_timeout":"1s"}})",
                                      "f")
                           .value()
                           .scale;
    CHECK(scale.min == 2);
    CHECK(scale.max == 20);
    CHECK(scale.concurrency == 8);
    CHECK(scale.reuse);
    CHECK(scale.idle_timeout == 0s);
    CHECK(scale.idle == "pause");
    CHECK(scale.keep_alive == "learned");
    CHECK(scale.max_invocations == 1000);
    CHECK(scale.queue == 5);
    CHECK(scale.queue_timeout == 1s);
    const auto fresh = parse_resource(R"({"image":"i","scale":{"reuse":false,"standby":3}})", "f").value().scale;
    CHECK_FALSE(fresh.reuse);
    CHECK(fresh.standby == 3);
}

TEST_CASE("mounts, hosts and capabilities get their defaults and one spelling", "[function]") {
    const auto spec =
        parse_resource(R"({"image":"i","capabilities":["CAP_SETUID","CHOWN"],"routes":[{"path":"/a","host":null}],
        "mounts":[{"type":"volume","source":"data","target":"/data"},{"type":"tmpfs","target":"/cache","size":"1Mi"},
                  {"type":"bind","source":"/srv/x","target":"/tmp/x","read_only":false}]})",
                       "f")
            .value();
    CHECK(spec.capabilities == std::vector<std::string>{"SETUID", "CHOWN"});
    CHECK(spec.mounts[0].read_only);
    CHECK_FALSE(spec.mounts[1].read_only);
    CHECK(spec.mounts[1].size == 1ULL << 20);
    CHECK(spec.mounts[2].kind == MountKind::bind);
    CHECK_FALSE(spec.mounts[2].read_only);
    CHECK(spec.routes[0].host.empty());
}

TEST_CASE("what format_spec writes parse_resource reads back, for 2,000 random specs of seed 20261121", "[function]") {
    Specs specs(20261121);
    for (int round = 0; round < 2000; ++round) {
        const auto spec = specs.next();
        const auto text = function::format_spec(spec);
        CAPTURE(round, text);
        const auto back = parse_resource(text, spec.name);
        if (!back) FAIL(back.error().pointer + " " + back.error().detail);
        REQUIRE(*back == spec);
        REQUIRE(function::format_spec(*back) == text);
    }
}

TEST_CASE("what GET answers can be put back unchanged", "[function]") {
    Specs specs(7);
    for (int round = 0; round < 200; ++round) {
        const auto function = some_function(specs.next());
        const auto text = function::format_resource(function);
        CAPTURE(round, text);
        REQUIRE(parse_resource(text, "f").value() == function.spec);
    }
}

TEST_CASE("the resource that GET answers has what the server made, and explains its contract", "[function]") {
    auto spec = parse_resource(R"({"image":"i"})", "f").value();
    spec.contract =
        function::decide_contract(spec, {.id = "x", .entrypoint = {"/run"}, .exposed_ports = {"8080/tcp"}}).value();
    const auto resource = json::parse(function::format_resource(some_function(spec)));
    CHECK(resource["version"] == 7);
    CHECK(resource["etag"] == "0123456789abcdef");
    CHECK(resource["image_id"] == "sha256:1234");
    CHECK(resource["created"] == "2026-11-21T05:37:00.123Z");
    CHECK(resource["updated"] == "2026-11-21T05:38:00.123Z");
    CHECK(resource["url"] == "/function/f");
    CHECK(resource["contract"]["kind"] == "http");
    CHECK(resource["contract"]["auto"] == true);
    CHECK(resource["contract"]["reason"].get<std::string>().find("8080/tcp") != std::string::npos);
    CHECK(resource["contract"]["port"] == 8080);
    CHECK(resource["contract"]["ready_path"].is_null());
    CHECK_FALSE(resource["contract"].contains("output"));
    CHECK(resource["limits"]["memory"] == "256Mi");
    CHECK(resource["limits"]["response_body"] == "unlimited");
    CHECK(resource["scale"]["queue_timeout"] == "30s");
    CHECK(resource["scale"]["reuse"] == true);
    CHECK(resource["scale"]["keep_alive"] == "fixed");
}

TEST_CASE("every example's manifest is a resource", "[function]") {
    for (const auto* name : {"hello", "cgi-shell", "word-count", "git-http", "php"}) {
        CAPTURE(name);
        std::ifstream file(std::string(SHALLOP_SOURCE_DIR "/examples/") + name + "/function.json");
        std::stringstream text;
        text << file.rdbuf();
        const auto spec = parse_resource(text.str(), name);
        if (!spec) FAIL(spec.error().pointer + " " + spec.error().detail);
    }
}

TEST_CASE("every document that the API's description shows is a resource", "[function]") {
    std::ifstream file(SHALLOP_SOURCE_DIR "/docs/openapi.json");
    const auto put = json::parse(file).at("paths").at("/v1/functions/{name}").at("put");
    const auto examples = put.at("requestBody").at("content").at("application/json").at("examples");
    CHECK(examples.size() >= 3);
    for (const auto& [name, example] : examples.items()) {
        CAPTURE(name);
        const auto spec = parse_resource(example.at("value").dump(), "f");
        if (!spec) FAIL(spec.error().pointer + " " + spec.error().detail);
    }
}
