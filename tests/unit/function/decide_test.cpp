// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using function::decide_contract;
using function::ImageFacts;
using function::Spec;

namespace {

Spec spec_of(const std::string& members = "") {
    return function::parse_resource(R"({"image":"some-image:1")" + members + "}", "f").value();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an image with a command runs it once per event, and says why", "[function]") {
    for (const auto& image : {ImageFacts{.entrypoint = {"/app"}}, ImageFacts{.cmd = {"sh"}}}) {
        const auto contract = decide_contract(spec_of(), image).value();
        CHECK(contract.automatic);
        CHECK(contract.kind == function::ContractKind::cgi);
        CHECK(contains(contract.reason, "has a command"));
        CHECK_FALSE(contains(contract.reason, "not available"));
    }
}

TEST_CASE("the reason tells of contracts that would fit better and are not here", "[function]") {
    const ImageFacts server{.cmd = {"nginx"}, .exposed_ports = {"80/tcp"}};
    const auto reason = decide_contract(spec_of(), server).value().reason;
    CHECK(contains(reason, "80/tcp"));
    CHECK(contains(reason, "'http' is not available"));
    const ImageFacts lambda{.entrypoint = {"/lambda-entrypoint.sh"}, .env = {"LAMBDA_TASK_ROOT=/var/task"}};
    CHECK(contains(decide_contract(spec_of(), lambda).value().reason, "'lambda' is not available"));
}

TEST_CASE("the image's label decides before anything else", "[function]") {
    const ImageFacts image{.cmd = {"x"}, .exposed_ports = {"80/tcp"}, .labels = {{"shallop.contract", "cgi"}}};
    CHECK(contains(decide_contract(spec_of(), image).value().reason, "label"));
}

TEST_CASE("a label that asks for another contract is refused unless the deployer decided", "[function]") {
    const ImageFacts image{.cmd = {"x"}, .labels = {{"shallop.contract", "http"}}};
    const auto refused = decide_contract(spec_of(), image);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::invalid);
    CHECK(refused.error().pointer == "/contract");
    CHECK(contains(refused.error().detail, "'http'"));
    CHECK(decide_contract(spec_of(R"(,"contract":"cgi")"), image));
}

TEST_CASE("an explicit contract stays as it is", "[function]") {
    const auto spec = spec_of(R"(,"contract":{"cgi":{"output":"raw"}})");
    CHECK(decide_contract(spec, {.cmd = {"x"}}).value() == spec.contract);
}

TEST_CASE("deciding again forgets the reason that was", "[function]") {
    auto spec = spec_of();
    spec.contract.reason = "made up by a client";
    CHECK_FALSE(contains(decide_contract(spec, {.cmd = {"x"}}).value().reason, "made up"));
}

TEST_CASE("an image with nothing to run needs a command", "[function]") {
    for (const auto* contract : {"", R"(,"contract":"cgi")"}) {
        const auto refused = decide_contract(spec_of(contract), {.id = "x"});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::invalid);
        CHECK(refused.error().pointer == "/image");
        CHECK(contains(refused.error().detail, "\"command\""));
    }
    CHECK(decide_contract(spec_of(R"(,"command":["date"])"), {.id = "x"}));
    CHECK_FALSE(decide_contract(spec_of(R"(,"command":[""])"), {.id = "x"}));
    CHECK(decide_contract(spec_of(R"(,"command":[""])"), {.entrypoint = {"/app"}}));
}

TEST_CASE("an entity tag changes with spec, image and version, and with nothing else", "[function]") {
    const auto spec = spec_of();
    const ImageFacts image{.id = "sha256:1"};
    const auto tag = function::make_etag(spec, image, 1);
    CHECK(tag.size() == 16);
    CHECK(tag.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(function::make_etag(spec, image, 1) == tag);
    CHECK(function::make_etag(spec, image, 2) != tag);
    CHECK(function::make_etag(spec, {.id = "sha256:2"}, 1) != tag);
    CHECK(function::make_etag(spec_of(R"(,"env":{"A":"b"})"), image, 1) != tag);
}

TEST_CASE("image facts are read back as they were written", "[function]") {
    const ImageFacts image{.id = "sha256:1",
                           .entrypoint = {"/app", "-x"},
                           .cmd = {"a \"b\"", "ü"},
                           .working_dir = "/srv",
                           .user = "5:6",
                           .env = {"A=b=c", "B="},
                           .exposed_ports = {"80/tcp"},
                           .labels = {{"shallop.contract", "cgi"}, {"a/b~", ""}}};
    CHECK(function::parse_image(function::format_image(image)).value() == image);
    CHECK(function::parse_image(function::format_image({})).value() == ImageFacts{});
    CHECK_FALSE(function::parse_image("{"));
    CHECK_FALSE(function::parse_image(R"({"cmd":"sh"})"));
    CHECK_FALSE(function::parse_image(R"({"labels":{"a":1}})"));
    CHECK_FALSE(function::parse_image(R"({"unknown":1})"));
}
