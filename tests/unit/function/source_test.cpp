// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using function::parse_resource;
using function::patch_resource;

namespace {

const std::string code = "sha256:" + std::string(64, 'a');

function::Spec stored(const std::string& more = "") {
    return parse_resource(
               R"({"image":"shallop-runtime-python:latest","source":{"runtime":"python","entry":"main.py","code":")" +
                   code + "\"}" + more + "}",
               "f")
        .value();
}

function::Function python(const std::string& more = "") {
    function::Function function;
    function.spec = stored(more);
    function.image.id = "sha256:1";
    function.image.cmd = {"worker"};
    function.image.labels = {{"shallop.contract", "http"}, {"shallop.runtime.protocol", "1"}};
    function.spec.contract = function::decide_contract(function.spec, function.image).value();
    return function;
}

}  // namespace

TEST_CASE("files or the code of an upload make a function, and no image is needed", "[function]") {
    const auto inline_files = parse_resource(R"j({"source":{"files":{"main.py":"print(1)"}}})j", "f").value();
    REQUIRE(inline_files.source);
    CHECK(inline_files.source->files.at("main.py") == "print(1)");
    CHECK(inline_files.image.empty());
    CHECK(stored().source->code == code);
    CHECK_FALSE(parse_resource(R"({"image":"a","source":null})", "f").value().source);
}

TEST_CASE("a source that cannot be meant is refused where it is wrong", "[function]") {
    const auto [source, pointer] = GENERATE(table<std::string, std::string>({
        {R"({})", "/source/files"},
        {R"({"files":{}})", "/source/files"},
        {R"({"files":["a"]})", "/source/files"},
        {R"({"files":{"a.py":1}})", "/source/files/a.py"},
        {R"({"files":{"a\nb":"x"}})", "/source/files/a\nb"},
        {R"({"files":{"a":"x"},"code":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})",
         "/source/files"},
        {R"({"code":"sha256:../../etc"})", "/source/code"},
        {R"({"code":"main.py"})", "/source/code"},
        {R"({"runtime":"Python!","files":{"a":"x"}})", "/source/runtime"},
        {R"({"language":"python","files":{"a":"x"}})", "/source/language"},
        {R"({"files":{"a":"x"}},"mounts":[{"type":"tmpfs","target":"/code"}])", "/mounts/0/target"},
        {R"("main.py")", "/source"},
    }));
    const auto spec = parse_resource("{\"source\":" + source + "}", "f");
    REQUIRE_FALSE(spec.has_value());
    CHECK(spec.error().fault == base::Fault::invalid);
    CHECK(spec.error().pointer == pointer);
}

TEST_CASE("what GET answers of a source function can be put back", "[function]") {
    const auto function = python(R"(,"env":{"A":"b"})");
    CHECK(function.spec.contract.socket == function::runtime_socket);
    auto back = parse_resource(function::format_resource(function), "f").value();
    back.contract = function::decide_contract(back, function.image).value();
    CHECK(back == function.spec);
}

TEST_CASE("a patch with new files forgets the old code and what was found in it", "[function]") {
    const auto patched = patch_resource(python().spec, R"({"source":{"files":{"app.py":"x"}}})").value();
    CHECK(patched.source->code.empty());
    CHECK(patched.source->entry.empty());
    CHECK(patched.source->files.size() == 1);
    CHECK(patched.source->runtime == "python");
    CHECK(patched.image == "shallop-runtime-python:latest");
    const auto ruby = patch_resource(python().spec, R"({"source":{"runtime":"ruby","files":{"app.rb":"x"}}})").value();
    CHECK(ruby.image.empty());
    CHECK(patch_resource(python().spec, R"({"env":{"A":"1"}})").value().source == python().spec.source);
}

TEST_CASE("a runtime says by its labels what contract its functions have", "[function]") {
    auto function = python();
    CHECK(function.spec.contract.kind == function::ContractKind::http);
    function.image.labels["shallop.contract"] = "cgi";
    CHECK(function::decide_contract(stored(), function.image).value().kind == function::ContractKind::cgi);
    function.image.labels.erase("shallop.runtime.protocol");
    const auto none = function::decide_contract(stored(), function.image);
    REQUIRE_FALSE(none.has_value());
    CHECK_THAT(none.error().detail, ContainsSubstring("shallop.runtime.protocol=1"));
    function.image.labels["shallop.runtime.protocol"] = "2";
    CHECK_FALSE(function::decide_contract(stored(), function.image).has_value());
    function.image.labels["shallop.runtime.protocol"] = "1";
    CHECK_FALSE(function::decide_contract(stored(R"(,"contract":"cgi")"), function.image).has_value());
}

TEST_CASE("an instance that waits for code fits every function that is made as it is", "[function]") {
    const auto function = python();
    const auto generic = function::generic_for(function, 2);
    CHECK(function::is_generic(generic.spec));
    CHECK_FALSE(function::is_generic(function.spec));
    CHECK(generic.spec.scale.standby == 2);
    CHECK(function::same_container(function, generic));
    CHECK(function::same_container(python(R"(,"secrets":["db"])"), generic));  // it has room for them
    CHECK(function::same_container(python(R"(,"env":{"A":"b"},"limits":{"timeout":"5s"},"scale":{"max":3})"), generic));
    const auto other =
        GENERATE(R"(,"limits":{"memory":"64Mi"})", R"(,"network":"lan")", R"(,"user":"1000")", R"(,"read_only":false)",
                 R"(,"mounts":[{"type":"tmpfs","target":"/x"}])", R"(,"runtime":"crun")", R"(,"command":["a"])",
                 R"(,"gpus":1)", R"(,"limits":{"log_rate":"2Mi"})", R"(,"env":{"PYTHONPATH":"/code/lib"})",
                 R"(,"env":{"TZ":"Europe/Berlin"})", R"(,"env":{"LC_ALL":"C"})");
    CHECK_FALSE(function::same_container(python(other), generic));
    auto rebuilt = python();
    rebuilt.image.id = "sha256:2";
    CHECK_FALSE(function::same_container(rebuilt, generic));
}

TEST_CASE("a runtime is told all that its code needs to know", "[function]") {
    const auto told =
        nlohmann::json::parse(function::format_specialize(python(R"(,"env":{"A":"ü"},"scale":{"concurrency":4})")));
    CHECK(told["protocol"] == 1);
    CHECK(told["code"] == "/code");
    CHECK(told["entry"] == "main.py");
    CHECK(told["env"]["A"] == "ü");
    CHECK(told["concurrency"] == 4);
    CHECK(told["timeout_ms"] == 30000);
}

TEST_CASE("a runtime's refusal is told in its own words, whatever it sends", "[function]") {
    const auto error =
        function::specialize_error(R"({"error":"main.py, line 3: invalid syntax","detail":"Traceback"})");
    CHECK(error.fault == base::Fault::function_failed);
    CHECK(error.log == "main.py, line 3: invalid syntax\nTraceback");
    CHECK(error.detail.find("main.py") == error.detail.npos);  // a caller of the function learns nothing of its insides
    for (const auto* odd : {"", "{", "[]", "{\"error\":1}", "Internal Server Error"})
        CHECK(function::specialize_error(odd).log == "the runtime could not load the code, and did not say why");
    CHECK(function::specialize_error("{\"error\":\"" + std::string(100'000, 'x') + "\"}").log.size() < 10'000);
}

TEST_CASE("code with a Dockerfile has no runtime that runs it, and is read back as it was", "[function]") {
    const auto built =
        parse_resource(R"({"image":"shallop-function-f:x","source":{"runtime":"dockerfile","code":")" + code + "\"}}",
                       "f")
            .value();
    REQUIRE(built.build);
    CHECK_FALSE(built.source);
    CHECK(built.build->code == code);
    CHECK(built.build->entry == "Dockerfile");
    CHECK(parse_resource(function::format_spec(built), "f").value() == built);
    const auto resource = nlohmann::json::parse(function::format_spec(built));
    CHECK(resource.at("source").at("runtime") == "dockerfile");

    const auto files = patch_resource(built, R"j({"source":{"files":{"main.py":"print(1)"}}})j").value();
    REQUIRE(files.source);
    CHECK_FALSE(files.build);
    CHECK(files.source->runtime.empty());
    CHECK(files.image.empty());
    CHECK_FALSE(patch_resource(built, R"({"source":null,"image":"a"})").value().build);
}

TEST_CASE("the image of code is named after function, daemon and code, and nobody else's name is taken for one",
          "[function]") {
    const auto image = function::built_image("web", "0a", code);
    CHECK(image == "shallop-function-web:0a-" + std::string(16, 'a'));
    CHECK(function::is_built_by(image, "0a"));
    CHECK(function::is_built_by("localhost/" + image, "0a"));
    CHECK(function::is_built_for(image, "web"));
    CHECK_FALSE(function::is_built_for(image, "we"));
    CHECK_FALSE(function::is_built_by(image, "0"));
    for (const auto* other :
         {"shallop-function-web", "shallop-function-web:0a", "shallop-function-web:latest",
          "shallop-runtime-python:0a-1", "shallop:0a-1", "docker.io/shallop-function-web:0a-1", ""}) {
        INFO(other);
        CHECK_FALSE(function::is_built_by(other, "0a"));
    }
}

TEST_CASE("a runtime of contract fcgi has a script of its own and the daemon's socket", "[function]") {
    auto function = python();
    function.image.labels = {{"shallop.contract", "fcgi"}, {"shallop.runtime.protocol", "1"}};
    CHECK(function::decide_contract(function.spec, function.image).error().pointer == "/image");
    function.image.labels["shallop.runtime.script"] = "/lib/front.php";
    const auto contract = function::decide_contract(function.spec, function.image).value();
    CHECK(contract.kind == function::ContractKind::fcgi);
    CHECK(contract.socket == function::runtime_socket);
    CHECK(contract.script == "/lib/front.php");
    CHECK(contract.port == 0);
    function.spec.contract = contract;
    auto again = parse_resource(function::format_spec(function.spec), "f").value();
    again.contract = function::decide_contract(again, function.image).value();
    CHECK(again == function.spec);
}
