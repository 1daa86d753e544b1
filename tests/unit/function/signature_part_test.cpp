// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using function::parse_resource;
using function::Spec;
using nlohmann::json;

namespace {

std::string with(const std::string& signature) {
    return R"({"image":"i","routes":[{"path":"/a","signature":)" + signature + "}]}";
}

Spec parsed(const std::string& signature) { return parse_resource(with(signature), "f").value(); }

void check_refused(const std::string& signature, const std::string& pointer, const std::string& says) {
    CAPTURE(signature);
    const auto spec = parse_resource(with(signature), "f");
    REQUIRE_FALSE(spec);
    CAPTURE(spec.error().detail);
    CHECK(spec.error().pointer == "/routes/0/signature" + pointer);
    CHECK(spec.error().detail.find(says) != std::string::npos);
    CHECK(spec.error().detail.find("hunter2") == std::string::npos);
}

/// Of a function with these routes, each PATH METHOD SCHEME SECRET.
Spec function_with(const std::vector<std::array<std::string, 4>>& routes) {
    json document{{"image", "i"}, {"routes", json::array()}};
    for (const auto& [path, method, scheme, secret] : routes) {
        document["routes"].push_back(
            {{"path", path}, {"methods", {method}}, {"signature", {{"scheme", scheme}, {"secret", secret}}}});
    }
    return parse_resource(document.dump(), "f").value();
}

const std::string& secret_of(const Spec& spec, std::size_t route) {
    return spec.routes.at(route).signature->secrets.at(0);
}

}  // namespace

TEST_CASE("a route may say how its requests are signed", "[function][signature]") {
    CHECK_FALSE(parse_resource(R"({"image":"i","routes":[{"path":"/a"}]})", "f").value().routes[0].signature);
    CHECK_FALSE(parsed("null").routes[0].signature);
    const auto github = parsed(R"({"scheme":"github","secret":"hunter2"})").routes[0].signature.value();
    CHECK(github.scheme == function::SignatureScheme::github);
    CHECK(github.secrets == std::vector<std::string>{"hunter2"});
    const auto slack = parsed(R"({"scheme":"slack","secret":["a","b"],"tolerance":"1m"})").routes[0].signature.value();
    CHECK(slack.secrets == std::vector<std::string>{"a", "b"});
    CHECK(slack.tolerance == 1min);
    const auto own = parsed(R"({"scheme":"hmac","secret":"x","header":"X-Sig","algorithm":"sha512","encoding":"base64",
        "prefix":"s=","timestamp_header":"X-Time"})")
                         .routes[0]
                         .signature.value();
    CHECK(own.header == "X-Sig");
    CHECK(own.algorithm == "sha512");
    CHECK(own.encoding == "base64");
    CHECK(own.prefix == "s=");
    CHECK(own.signed_text == "{timestamp}.{body}");
    CHECK(parsed(R"({"scheme":"hmac","secret":"x","header":"X-Sig"})").routes[0].signature->signed_text == "{body}");
}

TEST_CASE("a signature that cannot be checked is refused where it is written, without its secret",
          "[function][signature]") {
    check_refused("7", "", "JSON object");
    check_refused("{}", "/scheme", "say who signs");
    check_refused(R"({"scheme":"bitbucket","secret":"x"})", "/scheme", "one of these words: github");
    check_refused(R"({"scheme":"github"})", "/secret", "give the secret");
    check_refused(R"({"scheme":"github","secret":""})", "/secret", "1 to 1024");
    check_refused(R"({"scheme":"github","secret":[]})", "/secret", "one secret at least");
    check_refused(R"({"scheme":"github","secret":["hunter2",7]})", "/secret/1", "a text");
    check_refused(R"({"scheme":"github","secret":["hunter2","2","3","4","5"]})", "/secret", "at most 4");
    check_refused(R"({"scheme":"github","secret":7})", "/secret", "a text");
    check_refused(R"({"scheme":"github","secret":")" + std::string(1025, 'x') + R"("})", "/secret", "1024");
    check_refused(R"({"scheme":"standard-webhooks","secret":"hunter2!"})", "/secret", "no base64");
    check_refused(R"({"scheme":"github","secret":"x","tolerance":"5m"})", "/tolerance", "no member");
    check_refused(R"({"scheme":"github","secret":"x","header":"X"})", "/header", "no member");
    check_refused(R"({"scheme":"stripe","secret":"x","tolerance":"2d"})", "/tolerance", "duration");
    check_refused(R"({"scheme":"hmac","secret":"x"})", "/header", "name of a field");
    const auto own = [](const std::string& more) {
        return R"({"scheme":"hmac","secret":"x","header":"X",)" + more + "}";
    };
    check_refused(R"({"scheme":"hmac","secret":"x","header":"X: y"})", "/header", "name of a field");
    check_refused(own(R"("algorithm":"md5")"), "/algorithm", "sha256");
    check_refused(own(R"("encoding":"hex64")"), "/encoding", "hex, base64");
    check_refused(own(R"("template":"fixed")"), "/template", "{body}");
    check_refused(own(R"("template":"{body}{body}")"), "/template", "{body}");
    check_refused(own(R"("template":"{body}{path}")"), "/template", "braces");
    check_refused(own(R"("template":"{timestamp}{body}")"), "/template", "timestamp_header");
    check_refused(own(R"("timestamp_header":"T","template":"{body}")"), "/template", "is not signed");
    check_refused(own(R"("tolerance":"1m")"), "/tolerance", "no member");
}

TEST_CASE("what is kept has the secrets, what is shown has not", "[function][signature]") {
    const auto spec = parsed(R"({"scheme":"slack","secret":["hunter2","hunter3"],"tolerance":"1m"})");
    CHECK(parse_resource(function::format_spec(spec), "f").value() == spec);
    function::Function function;
    function.spec = spec;
    for (const auto& text : {function::show_spec(spec), function::format_resource(function)}) {
        CHECK(text.find("hunter") == std::string::npos);
        const auto signature = json::parse(text)["routes"][0]["signature"];
        CHECK(signature == json{{"scheme", "slack"}, {"secret", "(hidden)"}, {"tolerance", "1m"}});
    }
    const auto plain = parse_resource(R"({"image":"i","routes":[{"path":"/a"}]})", "f").value();
    CHECK_FALSE(json::parse(function::show_spec(plain))["routes"][0].contains("signature"));
}

TEST_CASE("a secret that the server keeps is shown by its name, and put back as it is", "[function][signature]") {
    const auto one = parsed(R"({"scheme":"github","secret":{"name":"hook"}})");
    CHECK(one.routes[0].signature->secret_names == std::vector<std::string>{"hook"});
    CHECK(json::parse(function::show_spec(one))["routes"][0]["signature"]["secret"] == json{{"name", "hook"}});
    CHECK(parse_resource(function::format_spec(one), "f").value() == one);
    const auto both = parsed(R"({"scheme":"github","secret":["clear",{"name":"hook"}]})");
    CHECK(parse_resource(function::format_spec(both), "f").value() == both);
    const auto shown = function::show_spec(both);
    CHECK(json::parse(shown)["routes"][0]["signature"]["secret"] == json::parse(R"~(["(hidden)",{"name":"hook"}])~"));
    auto back = parse_resource(shown, "f").value();
    REQUIRE(function::keep_secrets(back, &both));
    CHECK(back == both);
    auto nothing_to_keep = parsed(R"~({"scheme":"github","secret":"(hidden)"})~");
    CHECK_FALSE(function::keep_secrets(nothing_to_keep, &one));
    check_refused(R"({"scheme":"github","secret":{"name":"../x"}})", "/secret/name", "no name of a secret");
    check_refused(R"({"scheme":"github","secret":[{"key":"x"}]})", "/secret/0/key", "no member");
    check_refused(R"({"scheme":"github","secret":[]})", "/secret", "one secret at least");
}

TEST_CASE("what was shown can be put back, and every secret stays", "[function][signature]") {
    const auto spec = function_with({{"/a", "POST", "github", "one"},
                                     {"/a", "PUT", "github", "two"},
                                     {"/b", "POST", "gitlab", "three"},
                                     {"/c", "POST", "gitlab", "four"}});
    auto back = parse_resource(function::show_spec(spec), "f").value();
    REQUIRE(function::keep_secrets(back, &spec));
    CHECK(back == spec);
}

TEST_CASE("a new secret beside the hidden one is added to those there are", "[function][signature]") {
    const auto before = function_with({{"/a", "POST", "github", "old"}});
    auto next = parsed(R"~({"scheme":"github","secret":["new","(hidden)"]})~");
    REQUIRE(function::keep_secrets(next, &before));
    CHECK(next.routes[0].signature->secrets == std::vector<std::string>{"new", "old"});
    auto many = parsed(R"~({"scheme":"github","secret":["a","b","c","(hidden)"]})~");
    REQUIRE(function::keep_secrets(many, &before));
    auto too_many = parsed(R"~({"scheme":"github","secret":["z","(hidden)"]})~");
    const auto refused = function::keep_secrets(too_many, &many);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().pointer == "/routes/0/signature/secret");
}

TEST_CASE("a route that moves keeps a secret where there is no doubt which", "[function][signature]") {
    const auto one = function_with({{"/a", "POST", "github", "one"}, {"/t", "POST", "gitlab", "token"}});
    auto moved = function_with({{"/new", "POST", "github", "(hidden)"}});
    REQUIRE(function::keep_secrets(moved, &one));
    CHECK(secret_of(moved, 0) == "one");
    const auto two = function_with({{"/a", "POST", "github", "one"}, {"/b", "POST", "github", "two"}});
    auto other_method = function_with({{"/b", "PUT", "github", "(hidden)"}});
    REQUIRE(function::keep_secrets(other_method, &two));
    CHECK(secret_of(other_method, 0) == "two");
    auto doubtful = function_with({{"/new", "POST", "github", "(hidden)"}});
    CHECK_FALSE(function::keep_secrets(doubtful, &two));
    auto other_scheme = function_with({{"/a", "POST", "gitea", "(hidden)"}});
    CHECK_FALSE(function::keep_secrets(other_scheme, &two));
    auto nothing_before = function_with({{"/a", "POST", "github", "(hidden)"}});
    const auto refused = function::keep_secrets(nothing_before, nullptr);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == base::Fault::invalid);
}

TEST_CASE("a patch leaves secrets as they are", "[function][signature]") {
    const auto before = function_with({{"/a", "POST", "github", "one"}});
    CHECK(function::patch_resource(before, R"({"env":{"A":"1"}})").value().routes == before.routes);
    const auto same =
        function::patch_resource(before, json{{"routes", json::parse(function::show_spec(before))["routes"]}}.dump());
    CHECK(same.value() == before);
    const auto changed = function::patch_resource(
        before, R"({"routes":[{"path":"/a","signature":{"scheme":"github","secret":"two"}}]})");
    CHECK(secret_of(changed.value(), 0) == "two");
    CHECK_FALSE(function::patch_resource(
        before, R"~({"routes":[{"path":"/a","signature":{"scheme":"gitea","secret":"(hidden)"}}]})~"));
}

TEST_CASE("an entity tag tells nothing of a secret, and is another one with every version", "[function][signature]") {
    const auto one = function_with({{"/a", "POST", "github", "one"}});
    const auto two = function_with({{"/a", "POST", "github", "two"}});
    const function::ImageFacts image;
    CHECK(function::make_etag(one, image, 1) == function::make_etag(two, image, 1));
    CHECK(function::make_etag(one, image, 1) != function::make_etag(two, image, 2));
}

TEST_CASE("a route may queue its requests", "[function]") {
    const auto spec =
        parse_resource(R"({"image":"i","routes":[{"path":"/a","async":true},{"path":"/b"}]})", "f").value();
    CHECK(spec.routes[0].async);
    CHECK_FALSE(spec.routes[1].async);
    CHECK(parse_resource(function::format_spec(spec), "f").value() == spec);
    CHECK_FALSE(parse_resource(R"({"image":"i","routes":[{"path":"/a","async":"yes"}]})", "f"));
}

TEST_CASE("an application cannot bring a secret with its routes", "[function][signature]") {
    const auto told = function::parse_announced(
        R"~({"routes":[{"path":"/a","signature":{"scheme":"github","secret":"(hidden)"}}]})~");
    REQUIRE(told);
    CHECK_FALSE(told->routes.at(0).signature);
}
