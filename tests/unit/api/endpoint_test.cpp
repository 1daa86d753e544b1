// SPDX-License-Identifier: Apache-2.0
#include "api/endpoint.h"

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace shallop;

extern "C" const unsigned char shallop_openapi[];
extern "C" const unsigned long shallop_openapi_size;

namespace {

struct Found {
    std::string pattern, allow;
    std::vector<std::string> words;
};

Found find(std::string_view method, std::string_view path) {
    Found found;
    const auto endpoint = api::find_endpoint(method, path, found.words, found.allow);
    if (endpoint) found.pattern = (*endpoint)->pattern;
    return found;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = static_cast<char>(c | 0x20);
    return result;
}

nlohmann::json document() { return nlohmann::json::parse(shallop_openapi, shallop_openapi + shallop_openapi_size); }

std::set<std::string> in_tables() {
    std::set<std::string> calls;
    for (const auto& table : api::all_endpoints()) {
        for (const auto& endpoint : table) calls.insert(lower(endpoint.method) + " " + std::string(endpoint.pattern));
    }
    return calls;
}

std::set<std::string> in_document() {
    std::set<std::string> calls;
    const auto openapi = document();
    for (const auto& [path, item] : openapi.at("paths").items()) {
        if (path.starts_with("/function/") || path.starts_with("/async-function/")) continue;
        for (const auto& [method, operation] : item.items()) {
            if (method != "parameters") calls.insert(method + " " + path);
        }
    }
    return calls;
}

}  // namespace

TEST_CASE("a call finds its endpoint and the words of its path", "[api]") {
    CHECK(find("GET", "/v1/functions").pattern == "/v1/functions");
    const auto logs = find("GET", "/v1/functions/a%2Db/logs");
    CHECK(logs.pattern == "/v1/functions/{name}/logs");
    CHECK(logs.words == std::vector<std::string>{"a-b"});
    CHECK(find("DELETE", "/v1/functions/f/instances/i").words == std::vector<std::string>{"f", "i"});
}

TEST_CASE("HEAD is answered wherever GET is", "[api]") {
    CHECK(find("HEAD", "/v1/info").pattern == "/v1/info");
    CHECK(find("HEAD", "/v1/reload").pattern.empty());
}

TEST_CASE("a wrong method names the right ones", "[api]") {
    CHECK(find("POST", "/v1/functions/f").allow == "GET, HEAD, PUT, PATCH, DELETE");
    CHECK(find("OPTIONS", "/v1/reload").allow == "POST");
}

TEST_CASE("no other spelling of a path is a path", "[api]") {
    for (const auto* path : {"/v1/functions/", "/v1//functions", "/V1/functions", "/v1/functions//logs", "/", "", "*",
                             "/v1/functions/%2f", "/v1/functions/a/b/c"}) {
        INFO(path);
        const auto found = find("GET", path);
        CHECK(found.pattern.empty());
        CHECK(found.allow.empty());
    }
}

TEST_CASE("the OpenAPI document describes every endpoint and no other", "[api]") {
    CHECK(in_tables() == in_document());
}

TEST_CASE("the OpenAPI document names the parameters that the endpoints take", "[api]") {
    const auto openapi = document();
    for (const auto& table : api::all_endpoints()) {
        for (const auto& endpoint : table) {
            const auto& operation = openapi.at("paths").at(std::string(endpoint.pattern)).at(lower(endpoint.method));
            std::set<std::string> described;
            for (const auto& parameter : operation.value("parameters", nlohmann::json::array())) {
                if (parameter.at("in") == "query") described.insert(parameter.at("name"));
            }
            std::set<std::string> taken;
            std::string known(endpoint.query);
            for (std::size_t from = 0; from < known.size();) {
                const auto end = std::min(known.find(' ', from), known.size());
                taken.insert(known.substr(from, end - from));
                from = end + 1;
            }
            INFO(endpoint.pattern);
            CHECK(described == taken);
            CHECK(operation.contains("requestBody") == (endpoint.takes != api::Takes::nothing));
        }
    }
}

TEST_CASE("the OpenAPI document names the scope that each endpoint needs", "[api]") {
    const auto openapi = document();
    for (const auto& table : api::all_endpoints()) {
        for (const auto& endpoint : table) {
            INFO(endpoint.method << " " << endpoint.pattern);
            const auto& operation = openapi.at("paths").at(std::string(endpoint.pattern)).at(lower(endpoint.method));
            const auto said = operation.value("security", openapi.at("security"));
            const auto scope = api::scope_of(endpoint.access);
            auto needed = nlohmann::json::array();
            if (scope) needed.push_back({{"token", nlohmann::json::array({access::name(*scope)})}});
            CHECK(said == needed);
            CHECK(operation.at("responses").contains("429") == scope.has_value());
        }
    }
}

TEST_CASE("what tells of the daemon or of others' tokens is for administrators", "[api]") {
    for (const auto& table : api::all_endpoints()) {
        for (const auto& endpoint : table) {
            INFO(endpoint.method << " " << endpoint.pattern);
            const bool open =
                endpoint.pattern == "/livez" || endpoint.pattern == "/readyz" || endpoint.pattern == "/openapi.json";
            const bool own = endpoint.pattern.starts_with("/v1/tokens") || endpoint.pattern == "/v1/audit" ||
                             endpoint.pattern == "/v1/reload";
            const bool of_a_call =
                endpoint.pattern.starts_with("/v1/invocations/{id}") && !endpoint.pattern.ends_with("replay");
            const auto least = open                             ? api::Access::anyone
                               : endpoint.pattern == "/metrics" ? api::Access::metrics
                               : of_a_call                      ? api::Access::invoke
                               : own                            ? api::Access::admin
                                                                : api::Access::deploy;
            CHECK(endpoint.access == least);
        }
    }
}

TEST_CASE("the OpenAPI document knows every fault that a problem can have", "[api]") {
    const auto words = document().at("components").at("schemas").at("Problem").at("properties").at("fault").at("enum");
    for (int fault = 0; fault <= static_cast<int>(base::Fault::internal); ++fault) {
        const std::string word(base::name(static_cast<base::Fault>(fault)));
        INFO(word);
        CHECK(std::count(words.begin(), words.end(), word) == 1);
    }
}
