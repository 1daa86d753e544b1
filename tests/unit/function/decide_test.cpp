// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using base::Fault;
using function::ContractKind;
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
        CHECK(contract.kind == ContractKind::cgi);
        CHECK(contract.reason == "the image has a command, which is run once per event");
    }
}

TEST_CASE("a variable PORT makes a server, the function's before the image's", "[function]") {
    const ImageFacts image{
        .cmd = {"node", "server.js"}, .env = {"PATH=/bin", "PORT=3000"}, .exposed_ports = {"80/tcp"}};
    const auto by_image = decide_contract(spec_of(), image).value();
    CHECK(by_image.kind == ContractKind::http);
    CHECK(by_image.automatic);
    CHECK(by_image.port == 3000);
    CHECK(contains(by_image.reason, "the image's variable PORT is 3000"));
    const auto by_function = decide_contract(spec_of(R"(,"env":{"PORT":"9000"})"), image).value();
    CHECK(by_function.port == 9000);
    CHECK(contains(by_function.reason, "the function's variable PORT is 9000"));
}

TEST_CASE("a PORT that is no port says nothing", "[function]") {
    for (const std::string value : {"", "0", "65536", "-1", "+80", "80 ", "http", "0x50", "99999999999999999999"}) {
        CAPTURE(value);
        const ImageFacts image{.cmd = {"x"}, .env = {"PORT=" + value}};
        CHECK(decide_contract(spec_of(), image).value().kind == ContractKind::cgi);
        CHECK(decide_contract(spec_of(R"(,"env":{"PORT":")" + value + "\"}"), {.cmd = {"x"}}).value().port == 0);
    }
}

TEST_CASE("one exposed TCP port is where the server listens", "[function]") {
    for (const std::vector<std::string>& exposed :
         {std::vector<std::string>{"4321/tcp"}, {"4321"}, {"53/udp", "4321/tcp"}, {"4321/tcp", "4321/udp", "9/sctp"}}) {
        CAPTURE(exposed);
        const auto contract = decide_contract(spec_of(), {.cmd = {"x"}, .exposed_ports = exposed}).value();
        CHECK(contract.kind == ContractKind::http);
        CHECK(contract.port == 4321);
        CHECK(contains(contract.reason, "exposes 4321/tcp"));
        CHECK(contains(contract.reason, "\"contract\": \"cgi\""));
    }
}

TEST_CASE("of several exposed ports the one that is usual for HTTP counts", "[function]") {
    const auto port = [](std::vector<std::string> exposed) {
        return decide_contract(spec_of(), {.cmd = {"x"}, .exposed_ports = std::move(exposed)}).value().port;
    };
    CHECK(port({"443/tcp", "80/tcp"}) == 80);
    CHECK(port({"80/tcp", "8080/tcp"}) == 8080);
    CHECK(port({"9229/tcp", "3000/tcp"}) == 3000);
    CHECK(port({"5000/tcp", "5001/tcp"}) == 5000);
    CHECK(port({"8000/tcp", "22/tcp"}) == 8000);
    CHECK(port({"53/udp"}) == 0);
    CHECK(port({"x/tcp", "0/tcp", "70000/tcp", "80-90/tcp", ""}) == 0);
    const ImageFacts odd{.cmd = {"x"}, .exposed_ports = {"1/tcp", "2/tcp", "3/tcp", "4/tcp", "5/tcp", "6/tcp"}};
    const auto contract = decide_contract(spec_of(), odd).value();
    CHECK(contract.kind == ContractKind::cgi);
    CHECK(contains(contract.reason, "1/tcp, 2/tcp, 3/tcp, 4/tcp and more"));
    CHECK(contains(contract.reason, R"({"http": {"port": N}})"));
}

TEST_CASE("a program known to speak CGI is no server, whatever the image exposes", "[function]") {
    const std::vector<std::vector<std::string>> commands{
        {"php-cgi"},
        {"/usr/bin/php-cgi8.2", "-q"},
        {"docker-php-entrypoint", "php-cgi"},
        {"tini", "--", "git", "http-backend"},
        {"/usr/lib/git-core/git-http-backend"},
        {"/bin/sh", "-c", "exec  env A=b php-cgi \"$@\""},
    };
    for (const auto& command : commands) {
        CAPTURE(command);
        const ImageFacts image{.cmd = command, .env = {"PORT=80"}, .exposed_ports = {"80/tcp"}};
        const auto contract = decide_contract(spec_of(), image).value();
        CHECK(contract.kind == ContractKind::cgi);
        CHECK(contains(contract.reason, "a CGI program"));
    }
    const ImageFacts git{.cmd = {"git", "daemon"}, .exposed_ports = {"9418/tcp"}};
    CHECK(decide_contract(spec_of(), git).value().kind == ContractKind::http);
}

TEST_CASE("the command that the function gives is looked at instead of the image's", "[function]") {
    const ImageFacts image{.cmd = {"apache2-foreground"}, .exposed_ports = {"80/tcp"}};
    CHECK(decide_contract(spec_of(R"(,"command":["php-cgi"])"), image).value().kind == ContractKind::cgi);
    CHECK(decide_contract(spec_of(), image).value().kind == ContractKind::http);
}

TEST_CASE("php-fpm is a FastCGI server on its usual port, whatever the image exposes", "[function]") {
    const std::vector<std::vector<std::string>> commands{{"docker-php-entrypoint", "php-fpm"},
                                                         {"/usr/sbin/php-fpm8.2", "-F"},
                                                         {"tini", "--", "php-fpm"},
                                                         {"sh", "-c", "exec php-fpm -F"}};
    for (const auto& command : commands) {
        for (const std::vector<std::string>& exposed : {std::vector<std::string>{}, {"9000/tcp"}, {"80/tcp"}}) {
            CAPTURE(command, exposed);
            const auto contract =
                decide_contract(spec_of(), {.cmd = command, .env = {"PORT=80"}, .exposed_ports = exposed}).value();
            CHECK(contract.kind == ContractKind::fcgi);
            CHECK(contract.automatic);
            CHECK(contract.port == 9000);
            CHECK(contract.root == "/var/www/html");
            CHECK(contract.index == "index.php");
            CHECK(contains(contract.reason, "the image runs php-fpm"));
        }
    }
}

TEST_CASE("an image that exposes the port of FastCGI, and none of HTTP, speaks that", "[function]") {
    const auto decided = [](std::vector<std::string> command, std::vector<std::string> exposed) {
        return decide_contract(spec_of(), {.cmd = std::move(command), .exposed_ports = std::move(exposed)}).value();
    };
    CHECK(decided({"x"}, {"9000/tcp"}).kind == ContractKind::fcgi);
    CHECK(contains(decided({"x"}, {"9000/tcp"}).reason, "exposes 9000/tcp, the port of FastCGI"));
    CHECK(decided({"fcgiwrap", "-s", "tcp:0.0.0.0:9000"}, {"9000/tcp", "443/tcp"}).kind == ContractKind::fcgi);
    CHECK(decided({"x"}, {"9000/udp"}).kind == ContractKind::cgi);
    CHECK(decided({"x"}, {"9000/tcp", "8080/tcp"}).port == 8080);
    CHECK(decided({"gunicorn"}, {"9000/tcp"}).kind == ContractKind::http);
    const auto named =
        decide_contract(spec_of(), {.cmd = {"x"}, .env = {"PORT=9000"}, .exposed_ports = {"9000/tcp"}}).value();
    CHECK(named.kind == ContractKind::http);
}

TEST_CASE("a FastCGI server that listens nobody knows where is not taken for one", "[function]") {
    const auto contract = decide_contract(spec_of(), {.cmd = {"fcgiwrap"}, .exposed_ports = {"80/tcp"}}).value();
    CHECK(contract.kind == ContractKind::cgi);
    CHECK(contains(contract.reason, "speaks FastCGI: say"));
}

TEST_CASE("contract fcgi is as usual where nothing was given", "[function]") {
    const auto usual = decide_contract(spec_of(R"(,"contract":"fcgi")"), {.cmd = {"x"}}).value();
    CHECK_FALSE(usual.automatic);
    CHECK(usual.reason.empty());
    CHECK(usual.port == 9000);
    CHECK(usual.root == "/var/www/html");
    CHECK(usual.index == "index.php");
    const auto given =
        spec_of(R"(,"contract":{"fcgi":{"port":"unix:/tmp/s","root":"/app","index":"public/index.php"}})");
    CHECK(decide_contract(given, {.cmd = {"x"}}).value() == given.contract);
    const auto labelled = decide_contract(spec_of(), {.cmd = {"x"}, .labels = {{"shallop.contract", "fcgi"}}}).value();
    CHECK(labelled.kind == ContractKind::fcgi);
    CHECK(labelled.port == 9000);
}

TEST_CASE("a known server whose image names no port stays cgi, and the reason says how to ask for http", "[function]") {
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"nginx", "-g", "daemon off;"}, {"/usr/local/bin/gunicorn"}, {"sh", "-c", "uvicorn app:app"}}) {
        CAPTURE(command);
        const auto contract = decide_contract(spec_of(), {.cmd = command}).value();
        CHECK(contract.kind == ContractKind::cgi);
        CHECK(contains(contract.reason, "is an HTTP server"));
        CHECK(contains(contract.reason, R"("contract": {"http": {"port": N}})"));
    }
}

TEST_CASE("an image made for Lambda is not taken for a server unless PORT says so", "[function]") {
    ImageFacts lambda{
        .entrypoint = {"/lambda-entrypoint.sh"}, .env = {"LAMBDA_TASK_ROOT=/var/task"}, .exposed_ports = {"8080/tcp"}};
    const auto contract = decide_contract(spec_of(), lambda).value();
    CHECK(contract.kind == ContractKind::cgi);
    CHECK(contains(contract.reason, "'lambda' is not available"));
    lambda.env.push_back("PORT=8000");
    CHECK(decide_contract(spec_of(), lambda).value().kind == ContractKind::http);
}

TEST_CASE("the image's label decides before its ports and variables", "[function]") {
    ImageFacts image{.cmd = {"x"}, .exposed_ports = {"81/tcp"}, .labels = {{"shallop.contract", "cgi"}}};
    const auto cgi = decide_contract(spec_of(), image).value();
    CHECK(cgi.kind == ContractKind::cgi);
    CHECK(contains(cgi.reason, "label"));
    image.labels["shallop.contract"] = "http";
    const auto http = decide_contract(spec_of(), image).value();
    CHECK(http.kind == ContractKind::http);
    CHECK(http.port == 81);
    CHECK(contains(http.reason, "label"));
    image.exposed_ports.clear();
    CHECK(decide_contract(spec_of(), image).value().port == 8080);
}

TEST_CASE("a label that asks for another contract is refused unless the deployer decided", "[function]") {
    const ImageFacts image{.cmd = {"x"}, .labels = {{"shallop.contract", "lambda"}}};
    const auto refused = decide_contract(spec_of(), image);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::invalid);
    CHECK(refused.error().pointer == "/contract");
    CHECK(contains(refused.error().detail, "'lambda'"));
    CHECK(decide_contract(spec_of(R"(,"contract":"cgi")"), image));
    CHECK(decide_contract(spec_of(R"(,"contract":"http")"), image));
}

TEST_CASE("an explicit contract stays as it is", "[function]") {
    const ImageFacts image{.cmd = {"x"}, .env = {"PORT=1"}, .exposed_ports = {"80/tcp"}};
    for (const auto* contract : {R"({"cgi":{"output":"raw"}})", R"({"http":{"port":9000,"ready_path":"/ok"}})",
                                 R"({"http":{"port":"unix:/tmp/s"}})"}) {
        CAPTURE(contract);
        const auto spec = spec_of(std::string(R"(,"contract":)") + contract);
        CHECK(decide_contract(spec, image).value() == spec.contract);
    }
}

TEST_CASE("contract http finds the port that was not given, and says where", "[function]") {
    const auto spec = spec_of(R"(,"contract":"http")");
    const auto found = [&](const ImageFacts& image) { return decide_contract(spec, image).value(); };
    CHECK_FALSE(found({.cmd = {"x"}}).automatic);
    CHECK(found({.cmd = {"x"}, .env = {"PORT=1"}, .exposed_ports = {"80/tcp"}}).port == 1);
    CHECK(found({.cmd = {"x"}, .exposed_ports = {"81/tcp"}}).port == 81);
    const auto usual = found({.cmd = {"x"}});
    CHECK(usual.port == 8080);
    CHECK(contains(usual.reason, "no port was given"));
    CHECK(contains(usual.reason, "8080 is taken"));
}

TEST_CASE("what is decided from what was decided is the same", "[function]") {
    const std::vector<ImageFacts> images{{.cmd = {"x"}},
                                         {.cmd = {"x"}, .exposed_ports = {"80/tcp"}},
                                         {.cmd = {"nginx"}, .env = {"PORT=5"}},
                                         {.cmd = {"php-fpm"}}};
    for (const auto* contract :
         {"\"auto\"", "\"http\"", "\"cgi\"", R"({"kind":"http","auto":true,"ready_path":"/r"})", "\"fcgi\"",
          R"({"kind":"fcgi","auto":true,"root":"/app","pass_authorization":true})"}) {
        for (const auto& image : images) {
            CAPTURE(contract);
            auto spec = spec_of(std::string(R"(,"contract":)") + contract);
            spec.contract = decide_contract(spec, image).value();
            CHECK(decide_contract(spec, image).value() == spec.contract);
            const auto back = function::parse_resource(function::format_spec(spec), "f").value();
            CHECK(decide_contract(back, image).value() == spec.contract);
        }
    }
}

TEST_CASE("options that only one contract has decide for it", "[function]") {
    const ImageFacts server{.cmd = {"x"}, .exposed_ports = {"80/tcp"}};
    const auto cgi = spec_of(R"(,"contract":{"auto":true,"kind":"cgi","output":"raw"})");
    CHECK(decide_contract(cgi, server).value().kind == ContractKind::cgi);
    const auto http = spec_of(R"(,"contract":{"auto":true,"kind":"http","ready_path":"/ok"})");
    const auto contract = decide_contract(http, {.cmd = {"x"}}).value();
    CHECK(contract.kind == ContractKind::http);
    CHECK(contract.ready_path == "/ok");
    CHECK(contract.port == 8080);
    const auto fcgi = spec_of(R"(,"contract":{"auto":true,"kind":"fcgi","index":"app.php"})");
    CHECK(decide_contract(fcgi, server).value().kind == ContractKind::fcgi);
    CHECK(decide_contract(fcgi, server).value().index == "app.php");
}

TEST_CASE("a reason for a port that was given is nobody's to make up", "[function]") {
    auto spec = spec_of(R"(,"contract":{"http":{"port":9000}})");
    spec.contract.reason = "made up by a client";
    CHECK(decide_contract(spec, {.cmd = {"x"}}).value().reason.empty());
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
