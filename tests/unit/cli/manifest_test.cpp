// SPDX-License-Identifier: Apache-2.0
#include "cli/manifest.h"

#include "support/complaints.h"
#include "support/folder.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using cli::Json;

namespace {

std::vector<cli::Manifest> parsed(std::string_view text) {
    auto manifests = cli::parse_manifests(text, "f");
    REQUIRE(manifests);
    return manifests->functions;
}

}  // namespace

TEST_CASE("a manifest is JSON or YAML, with the same meaning", "[cli]") {
    const auto json = parsed(
        R"({"name": "a", "image": "i:1", "limits": {"cpus": 0.5, "pids": 64}, "command": ["x", "1"], "read_only": true})");
    const auto yaml =
        parsed("name: a\nimage: i:1\nlimits: {cpus: 0.5, pids: 64}\ncommand: [x, '1']\nread_only: true\n");
    REQUIRE(json.size() == 1);
    CHECK(json[0].resource == yaml[0].resource);
    CHECK(yaml[0].name == "a");
}

TEST_CASE("plain words of YAML have the types of its core schema", "[cli]") {
    const auto resource =
        parsed("name: a\nn: ~\ne:\nt: yes\nb: false\ni: -7\nf: 1e3\nq: \"8\"\nv: 1.2.3\nm: 64Mi")[0].resource;
    CHECK(resource.at("n").is_null());
    CHECK(resource.at("e").is_null());
    CHECK(resource.at("t") == "yes");
    CHECK(resource.at("b") == false);
    CHECK(resource.at("i") == -7);
    CHECK(resource.at("f") == 1000.0);
    CHECK(resource.at("q") == "8");
    CHECK(resource.at("v") == "1.2.3");
    CHECK(resource.at("m") == "64Mi");
}

TEST_CASE("contract and scale are written in YAML as in JSON", "[cli]") {
    const auto yaml = parsed(
        "name: a\nimage: i\ncontract:\n  http: {port: 8080, ready_path: /healthz}\n"
        "scale: {min: 1, reuse: true, idle_timeout: 10m, idle: pause}\n");
    const auto json =
        parsed(R"({"name": "a", "image": "i", "contract": {"http": {"port": 8080, "ready_path": "/healthz"}},
        "scale": {"min": 1, "reuse": true, "idle_timeout": "10m", "idle": "pause"}})");
    CHECK(yaml[0].resource == json[0].resource);
    CHECK(parsed("name: a\nimage: i\ncontract: {http: {port: unix:/tmp/s}}\n")[0]
              .resource.at("contract")
              .at("http")
              .at("port") == "unix:/tmp/s");
}

TEST_CASE("one text may hold several manifests", "[cli]") {
    const auto manifests = parsed("name: a\nimage: i\n---\nname: b\nimage: i\n---\n");
    REQUIRE(manifests.size() == 2);
    CHECK(manifests[1].name == "b");
}

TEST_CASE("what is no manifest is refused by the name of its file", "[cli]") {
    for (const auto* text : {"", "[]", "just words", "{\"name\": \"a\"", "name: [", "image: i", "name: 5", "name: ''",
                             "a: 1\na: 2\nname: x"}) {
        INFO(text);
        const auto manifests = cli::parse_manifests(text, "some-file");
        REQUIRE_FALSE(manifests);
        CHECK(manifests.error().what.find("some-file") != std::string::npos);
    }
}

TEST_CASE("aliases cannot make a small file huge", "[cli]") {
    std::string text = "name: a\nl0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int level = 1; level < 9; ++level) {
        const auto below = "*l" + std::to_string(level - 1);
        text += "l" + std::to_string(level) + ": &l" + std::to_string(level) + " [" + below;
        for (int more = 0; more < 9; ++more) text += ", " + below;
        text += "]\n";
    }
    CHECK_FALSE(cli::parse_manifests(text, "bomb"));
}

TEST_CASE("a file that is not there is a complaint", "[cli]") { CHECK_FALSE(cli::read_manifests("/nonexistent.json")); }

TEST_CASE("one document may hold many functions, by name or in a list", "[cli]") {
    const auto by_name = parsed("functions:\n  a: {image: i}\n  b: {image: j, name: b}\n");
    REQUIRE(by_name.size() == 2);
    CHECK(by_name[0].resource == Json{{"image", "i"}, {"name", "a"}});
    CHECK(parsed(R"({"functions": [{"name": "a", "image": "i"}]})")[0].name == "a");
    const auto project = cli::parse_manifests("project: shop\nfunctions: {shop-a: {image: i}}", "f");
    REQUIRE(project);
    CHECK(project->projects == std::vector<std::string>{"shop"});
}

TEST_CASE("a document of many functions says nothing twice and nothing else", "[cli]") {
    for (const auto* text : {"project: shop\nfunctions: {cart: {image: i}}", "functions: 5", "functions: {a: 5}",
                             "functions: {a: {name: b}}", "functions: [{image: i}]", "project: 5\nfunctions: {}",
                             "image: i\nfunctions: {}", "project: shop\nname: a\nimage: i\nfunctions: []"}) {
        INFO(text);
        const auto manifests = cli::parse_manifests(text, "some-file");
        REQUIRE_FALSE(manifests);
        CHECK(manifests.error().what.starts_with("some-file"));
    }
}

TEST_CASE("a function that stands in two files is refused", "[cli]") {
    const Folder folder;
    const auto one = folder.file("a.yaml", "name: f\nimage: i");
    const auto other = folder.file("b.yaml", "name: f\nimage: j");
    const auto manifests = cli::read_manifests({one, other});
    REQUIRE_FALSE(manifests);
    CHECK(manifests.error().what.find(one) != std::string::npos);
    CHECK(manifests.error().what.find(other) != std::string::npos);
}
