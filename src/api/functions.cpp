// SPDX-License-Identifier: Apache-2.0
// /v1/functions: what is deployed.
#include <shallop/function/resource.h>

#include "api/endpoint.h"
#include "api/guard.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using function::FunctionPtr;

constexpr std::size_t usual_page = 100;
constexpr std::size_t largest_page = 1000;

Error unknown_function(const std::string& name) {
    return {Fault::not_found,
            "there is no function '" + name.substr(0, 80) + "'; GET /v1/functions lists those there are"};
}

Result<FunctionPtr> find(const Call& call) {
    auto function = call.parts.registry.catalog()->find(call.words.at(0));
    if (!function) return unknown_function(call.words.at(0));
    return function;
}

registry::Precondition precondition(const Call& call) {
    registry::Precondition claimed;
    if (const auto* value = call.field("If-Match")) claimed.if_match = *value;
    if (const auto* value = call.field("If-None-Match")) claimed.if_none_match = *value;
    return claimed;
}

Answer resource_answer(const FunctionPtr& function, int status) {
    Answer answer;
    answer.status = status;
    answer.body = function::format_resource(*function) + "\n";
    answer.fields.push_back({"ETag", "\"" + function->etag + "\""});
    return answer;
}

Result<Answer> deployed_answer(const Result<registry::Deployed>& deployed) {
    if (!deployed) return deployed.error();
    auto answer = resource_answer(deployed->function, deployed->created ? 201 : 200);
    if (deployed->created) answer.fields.push_back({"Location", "/v1/functions/" + deployed->function->spec.name});
    return answer;
}

AnswerTask list(Call& call) {
    const auto limit = call.query.count("limit", usual_page, largest_page);
    if (!limit) co_return limit.error();
    const auto catalog = call.parts.registry.catalog();
    auto items = Json::array();
    std::string next;
    for (auto at = catalog->functions.upper_bound(call.query.text("cursor")); at != catalog->functions.end(); ++at) {
        if (items.size() == *limit) {
            next = items.back().at("name");
            break;
        }
        items.push_back(Json::parse(function::format_resource(*at->second)));
    }
    co_return page_answer("functions", std::move(items), next);
}

AnswerTask show(Call& call) {
    const auto function = find(call);
    if (!function) co_return function.error();
    auto answer = resource_answer(*function, 200);
    const auto* known = call.field("If-None-Match");
    if (known && names_tag(*known, (*function)->etag)) {
        answer.status = 304;
        answer.body.clear();
    }
    co_return answer;
}

AnswerTask put(Call& call) {
    auto name = call.words.at(0);
    auto claimed = precondition(call);
    auto deployed = co_await call.parts.registry.put(std::move(name), std::move(call.body), std::move(claimed));
    co_return deployed_answer(deployed);
}

AnswerTask patch(Call& call) {
    auto name = call.words.at(0);
    auto claimed = precondition(call);
    auto deployed = co_await call.parts.registry.patch(std::move(name), std::move(call.body), std::move(claimed));
    co_return deployed_answer(deployed);
}

AnswerTask remove(Call& call) {
    auto name = call.words.at(0);
    auto claimed = precondition(call);
    auto removed = co_await call.parts.registry.remove(std::move(name), std::move(claimed));
    if (!removed) co_return removed.error();
    Answer answer;
    answer.status = 204;
    co_return answer;
}

/// With `reuse: false` an instance lives for one invocation, so what is warm now is what runs now.
AnswerTask instances(Call& call) {
    const auto function = find(call);
    if (!function) co_return function.error();
    auto items = Json::array();
    for (const auto* status : {"starting", "running"}) {
        for (const auto& one : call.parts.invocations.list((*function)->spec.name, status, "", largest_page)) {
            items.push_back({{"state", one.status == "starting" ? "launching" : "leased"},
                             {"version", one.version},
                             {"invocation", one.id},
                             {"since", base::format_time(one.received)}});
        }
    }
    Json page;
    page["instances"] = std::move(items);
    co_return json_answer(page);
}

AnswerTask retire(Call& call) {
    const auto function = find(call);
    if (!function) co_return function.error();
    co_return Error(Fault::conflict,
                    "an instance of this function lives for one invocation and cannot be retired by itself; stop "
                    "the invocation with POST /v1/invocations/{id}/cancel");
}

/// The merged route table: what the gateway serves, in the functions' order.
AnswerTask routes(Call& call) {
    auto items = Json::array();
    const auto catalog = call.parts.registry.catalog();
    for (const auto& [name, function] : catalog->functions) {
        items.push_back({{"function", name},
                         {"path", "/function/" + name + "/{rest...}"},
                         {"methods", nullptr},
                         {"host", nullptr}});
        for (const auto& route : function->spec.routes) {
            Json item = {{"function", name}, {"path", route.path}, {"methods", nullptr}, {"host", nullptr}};
            if (!route.methods.empty()) item["methods"] = route.methods;
            if (!route.host.empty()) item["host"] = route.host;
            items.push_back(std::move(item));
        }
    }
    Json page;
    page["routes"] = std::move(items);
    co_return json_answer(page);
}

constexpr std::array<Endpoint, 8> table{{
    {"GET", "/v1/functions", list, Access::token, Takes::nothing, "limit cursor"},
    {"GET", "/v1/functions/{name}", show},
    {"PUT", "/v1/functions/{name}", put, Access::token, Takes::json},
    {"PATCH", "/v1/functions/{name}", patch, Access::token, Takes::merge_patch},
    {"DELETE", "/v1/functions/{name}", remove},
    {"GET", "/v1/functions/{name}/instances", instances},
    {"DELETE", "/v1/functions/{name}/instances/{id}", retire},
    {"GET", "/v1/routes", routes},
}};

}  // namespace

std::span<const Endpoint> function_endpoints() { return table; }

}  // namespace shallop::api
