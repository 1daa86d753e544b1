// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>
#include <shallop/function/secret.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nlohmann/json.hpp>

using namespace shallop;
using base::Fault;
using Catch::Matchers::ContainsSubstring;
using function::parse_resource;
using function::parse_secret_value;
using nlohmann::json;

namespace {

function::Spec with(const std::string& members) {
    return parse_resource(R"({"image":"i",)" + members + "}", "f").value();
}

/// "POINTER: what is said"
std::string refusal(const std::string& members) {
    const auto spec = parse_resource(R"({"image":"i",)" + members + "}", "f");
    return spec ? "" : spec.error().pointer + ": " + spec.error().detail;
}

}  // namespace

TEST_CASE("a function's secrets are files that are named as they are, or otherwise", "[function][secret]") {
    const auto spec = with(R"("secrets":["db-password",{"name":"tls","file":"tls.pem"},{"name":"A_b.c"}])");
    CHECK(spec.secrets ==
          std::vector<function::SecretFile>{{"db-password", "db-password"}, {"tls", "tls.pem"}, {"A_b.c", "A_b.c"}});
    CHECK(parse_resource(function::format_spec(spec), "f").value() == spec);
    CHECK(json::parse(function::format_spec(spec))["secrets"] ==
          json::parse(R"(["db-password",{"name":"tls","file":"tls.pem"},"A_b.c"])"));
    CHECK(with(R"("secrets":null)").secrets.empty());
}

TEST_CASE("a secret's file lies in its directory and nowhere else", "[function][secret]") {
    const auto wrong = {"", ".", "..", ".hidden", "a/b", "../x", "a b", "-a", "a\\u0007"};
    for (const std::string name : wrong) {
        CAPTURE(name);
        CHECK_THAT(refusal(R"("secrets":[")" + name + "\"]"), ContainsSubstring("/secrets/0: "));
        CHECK_THAT(refusal(R"("secrets":[{"name":"a","file":")" + name + "\"}]"),
                   ContainsSubstring("/secrets/0/file: "));
    }
    CHECK_THAT(refusal(R"("secrets":[")" + std::string(64, 'a') + "\"]"), ContainsSubstring("63 letters"));
    CHECK_THAT(refusal(R"("secrets":["a",{"name":"b","file":"a"}])"), ContainsSubstring("/secrets/1/file: another"));
    CHECK_THAT(refusal(R"("secrets":[7])"), ContainsSubstring("/secrets/0: give the name"));
    CHECK_THAT(refusal(R"("secrets":[{"name":"a","mode":"0444"}])"), ContainsSubstring("/secrets/0/mode: "));
    CHECK_THAT(refusal(R"("secrets":"a")"), ContainsSubstring("/secrets: give an array"));
    std::string many = "\"s0\"";
    for (int at = 1; at < 33; ++at) many += ",\"s" + std::to_string(at) + "\"";
    CHECK_THAT(refusal(R"("secrets":[)" + many + "]"), ContainsSubstring("at most 32"));
    CHECK(with(R"("secrets":["a",{"name":"a","file":"again"}])").secrets.size() == 2);
}

TEST_CASE("nothing is mounted over a function's secrets, where it has any", "[function][secret]") {
    for (const std::string target : {"/run/secrets", "/run/secrets/a"}) {
        const auto mount = R"("mounts":[{"type":"volume","source":"vol","target":")" + target + "\"}]";
        CHECK(refusal(mount).empty());
        CHECK_THAT(refusal(mount + R"(,"secrets":["a"])"), ContainsSubstring("/mounts/0/target: "));
    }
    CHECK(refusal(R"("secrets":["a"],"mounts":[{"type":"tmpfs","target":"/run"}])").empty());
}

TEST_CASE("who uses a secret is known, for files and for signatures", "[function][secret]") {
    const auto spec = with(R"("secrets":["a","b"],"routes":[{"path":"/x"},
        {"path":"/y","signature":{"scheme":"github","secret":["clear",{"name":"hook"}]}}])");
    std::string all;
    for (const auto& [name, pointer] : function::secrets_of(spec)) all += name + "@" + pointer + " ";
    CHECK(all == "a@/secrets/0 b@/secrets/1 hook@/routes/1/signature/secret ");
    CHECK(function::uses_secret(spec, "hook"));
    CHECK(function::uses_secret(spec, "b"));
    CHECK_FALSE(function::uses_secret(spec, "clear"));
}

TEST_CASE("a value is a text, or bytes in base64, within its limit", "[function][secret]") {
    CHECK(parse_secret_value(R"({"value":"grün\n"})")->view() == "grün\n");
    CHECK(parse_secret_value(R"({"value_base64":"AP8="})")->view() == std::string_view("\0\xff", 2));
    const std::string largest(function::largest_secret, 'x');
    CHECK(parse_secret_value(R"({"value":")" + largest + "\"}")->size() == largest.size());
    const auto too_large = parse_secret_value(R"({"value":"x)" + largest + "\"}");
    REQUIRE_FALSE(too_large);
    CHECK(too_large.error().fault == Fault::too_large);
    CHECK_THAT(too_large.error().detail, ContainsSubstring("64Ki"));
    std::string digits;
    for (std::size_t at = 0; at < function::largest_secret / 3 + 1; ++at) digits += "AAAA";  // two bytes too many
    CHECK(parse_secret_value(R"({"value_base64":")" + digits + "\"}").error().fault == Fault::too_large);
}

TEST_CASE("a refused value is in no message", "[function][secret]") {
    for (const std::string document :
         {R"({"value":["hunter2"]})", R"({"value":"hunter2","value_base64":"hunter2"})",
          R"({"value_base64":"hunter2"})", R"({"value":"hunter2")", R"({"value":"hunter2\u0000"})",
          R"({"value":"hunter2","value":"hunter2"})", R"(["hunter2"])", R"("hunter2")", R"(hunter2)", R"({"value":""})",
          R"({"value_base64":""})", R"({})"}) {
        CAPTURE(document);
        const auto refused = parse_secret_value(document);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::invalid);
        CHECK(refused.error().detail.find("hunter2") == std::string::npos);
        CHECK_FALSE(refused.error().detail.empty());
    }
}

TEST_CASE("GPUs are asked for as docker run does", "[function]") {
    CHECK_FALSE(with(R"("gpus":0)").gpus.any());
    CHECK_FALSE(with(R"("gpus":null)").gpus.any());
    CHECK(with(R"("gpus":2)").gpus.count == 2);
    CHECK(with(R"("gpus":"all")").gpus.count == function::all_gpus);
    CHECK(with(R"("gpus":["GPU-1a2b","1","MIG-GPU-8/1/0"])").gpus.ids.size() == 3);
    for (const std::string gpus : {"0", "2", R"("all")", R"(["GPU-1a2b","1"])"}) {
        const auto spec = with("\"gpus\":" + gpus);
        CHECK(json::parse(function::format_spec(spec))["gpus"] == json::parse(gpus));
        CHECK(parse_resource(function::format_spec(spec), "f").value() == spec);
    }
    for (const std::string gpus : {"-1", "65", "1.5", "true", "\"some\"", "{}"})
        CHECK_THAT(refusal("\"gpus\":" + gpus), ContainsSubstring("/gpus: give"));
    CHECK_THAT(refusal(R"("gpus":["0","0"])"), ContainsSubstring("/gpus/1: this GPU is there twice"));
    for (const std::string id : {"", "many", "1.5", "--privileged", "gpu-1", "GPU-1 2"})
        CHECK_THAT(refusal(R"("gpus":[")" + id + "\"]"), ContainsSubstring("/gpus/0: "));
}
