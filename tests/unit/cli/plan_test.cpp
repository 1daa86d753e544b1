// SPDX-License-Identifier: Apache-2.0
#include "cli/plan.h"

#include "support/complaints.h"

#include <catch2/catch_test_macros.hpp>

#include <shallop/function/resource.h>

#include "cli/timing.h"

using namespace shallop;
using Json = nlohmann::ordered_json;

namespace {

/// What a GET answers of `resource` once it was put.
Json got(const Json& resource) {
    auto spec = function::parse_resource(resource.dump(), "f");
    REQUIRE(spec.has_value());
    function::Function function;
    function.image.exposed_ports = {"8000/tcp"};
    function.image.cmd = {"serve"};
    auto contract = function::decide_contract(*spec, function.image);
    REQUIRE(contract.has_value());
    spec->contract = *contract;
    function.spec = *spec;
    return Json::parse(function::format_resource(function));
}

std::vector<std::string> changed(const Json& written, const Json& there, const std::string& code = "") {
    const auto changes = cli::differences("f", written, code, there);
    REQUIRE(changes);
    std::vector<std::string> members;
    for (const auto& change : *changes) members.push_back(change.member);
    return members;
}

const Json spelled = Json::parse(R"({"name":"f","image":"i:1","command":["a"],"env":{"A":"1"},"routes":[{"path":"/a"}],
    "limits":{"memory":268435456,"timeout":"60s","cpus":1},"scale":{"max":10,"idle_timeout":300},"user":null})");

/// A source function as the daemon shows it.
Json source_there() {
    auto there = got({{"image", "shallop-runtime-python:latest"}});
    there["source"] = {{"runtime", "python"}, {"entry", "main.py"}, {"handler", nullptr}, {"code", "sha256:1"}};
    return there;
}

}  // namespace

TEST_CASE("what was applied does not differ, however it is spelled", "[cli]") {
    CHECK(changed(spelled, got(spelled)).empty());
    for (const auto* contract : {R"("auto")", R"("cgi")", R"("http")", R"({"http":{"port":99,"ready_path":"/r"}})",
                                 R"({"cgi":{"output":"raw"}})", R"({"http":{"port":"unix:/tmp/s"}})"}) {
        INFO(contract);
        auto resource = spelled;
        resource["contract"] = Json::parse(contract);
        CHECK(changed(resource, got(resource)).empty());
        CHECK(changed(got(resource), got(resource)).empty());
    }
}

TEST_CASE("what differs is named by its member, defaults included", "[cli]") {
    auto written = spelled;
    written["limits"] = {{"memory", "512Mi"}};
    written["env"] = {{"B", "2"}};
    written["image"] = "i:2";
    written["contract"] = "cgi";
    const std::vector<std::string> members{
        "image", "contract.kind", "contract.auto", "contract.output", "contract.pass_authorization",
        "env.B", "env.A",         "limits.memory", "limits.timeout"};
    CHECK(changed(written, got(spelled)) == members);
}

TEST_CASE("of a source only what was written is compared", "[cli]") {
    const Json written = {{"source", {{"path", "./x"}}}};
    CHECK(changed(written, source_there(), "sha256:1").empty());
    CHECK(changed(written, source_there(), "sha256:2") == std::vector<std::string>{"source.code"});
    CHECK(changed(written, source_there(), "") == std::vector<std::string>{"source.code"});
    const Json other = {{"source", {{"path", "."}, {"runtime", "node"}, {"handler", "a"}, {"entry", "main.py"}}}};
    CHECK(changed(other, source_there(), "sha256:1") == std::vector<std::string>{"source.runtime", "source.handler"});
    CHECK(changed(spelled, source_there()).front() == "source");
    CHECK(changed(written, got(spelled), "sha256:1").front() == "source");
    auto imaged = source_there();
    imaged["image"] = "mine:1";
    CHECK(changed(written, imaged, "sha256:1") == std::vector<std::string>{"image"});
}

TEST_CASE("a wrong member is refused before anybody is asked", "[cli]") {
    const auto form = cli::put_form("f", {{"image", "i"}, {"limits", {{"memory", "lots"}}}});
    REQUIRE_FALSE(form);
    CHECK(form.error().what.find("(at /limits/memory)") != std::string::npos);
}

TEST_CASE("a plan is told in lines, and an empty one in one", "[cli]") {
    const std::vector<cli::Step> steps{
        {"a", "create", {}},
        {"b", "change", {{"env.A", "1", nullptr}, {"source.code", "sha256:0123456789abcdef", "x\n"}}},
        {"c", "none", {}},
        {"d", "remove", {}}};
    CHECK(cli::plan_text(steps) ==
          "create  a\n"
          "change  b\n"
          "          env.A: 1 → nothing\n"
          "          source.code: sha256:0123456789ab → x\\x0a\n"
          "remove  d\n"
          "none    1 other\n");
    CHECK(cli::plan_text({{"c", "none", {}}}).starts_with("nothing to do"));
    CHECK(cli::plan_json(steps)[1]["changes"][0] == Json{{"member", "env.A"}, {"from", "1"}, {"to", nullptr}});
}

TEST_CASE("Server-Timing is read, and nonsense in it left out", "[cli]") {
    using Phases = std::vector<std::pair<std::string, double>>;
    CHECK(cli::server_timing("queue;dur=0.5, start;dur=55, run;desc=\"x\";dur=3.25") ==
          Phases{{"queue", 0.5}, {"start", 55}, {"run", 3.25}});
    for (const auto* field : {"", ",,;", "a", "a;dur=", "a;dur=x", ";dur=1", "a;dur=-1", "a;dur"}) {
        INFO(field);
        CHECK(cli::server_timing(field).empty());
    }
}

TEST_CASE("timings are shown in lines and as JSON", "[cli]") {
    cli::Reply reply;
    reply.timing = {0.1, 0.25, 61.04, 61.3, 12, 340};
    reply.head.fields = {{"server-timing", "queue;dur=0.0, st\x1b;dur=55.2"}};
    CHECK(cli::timing_text(reply) ==
          "connect              0.2 ms\n"
          "first byte          61.0 ms\n"
          "total               61.3 ms\n"
          "  queue              0.0 ms\n"
          "  st\\x1b            55.2 ms\n"
          "sent                  12 B \n"
          "received             340 B \n");
    CHECK(cli::timing_json(reply)["server"]["queue_ms"] == 0.0);
    CHECK(cli::timing_json(reply)["total_ms"] == 61.3);
}
