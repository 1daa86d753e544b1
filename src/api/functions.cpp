// SPDX-License-Identifier: Apache-2.0
// /v1/functions: what is deployed.
#include <shallop/function/resource.h>

#include "api/deployed.h"
#include "api/endpoint.h"
#include "api/guard.h"

namespace shallop::api {
namespace {

using function::FunctionPtr;

constexpr std::size_t usual_page = 100;

Answer resource_answer(const FunctionPtr& function, int status) {
    Answer answer;
    answer.status = status;
    answer.body = function::format_resource(*function) + "\n";
    answer.fields.push_back({"ETag", "\"" + function->etag + "\""});
    return answer;
}

AnswerTask list(Call& call) {
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    const auto catalog = call.parts.registry.catalog();
    auto items = Json::array();
    auto at = catalog->functions.upper_bound(page->cursor);
    for (; at != catalog->functions.end() && items.size() < page->to_fetch(); ++at) {
        items.push_back(Json::parse(function::format_resource(*at->second)));
    }
    co_return page_answer("functions", std::move(items), *page, "name");
}

AnswerTask show(Call& call) {
    const auto function = find_function(call);
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
            if (route.signature) item["signature"] = function::scheme_name(*route.signature);
            items.push_back(std::move(item));
        }
    }
    Json page;
    page["routes"] = std::move(items);
    co_return json_answer(page);
}

constexpr std::array<Endpoint, 6> table{{
    {"GET", "/v1/functions", list, Access::deploy, Takes::nothing, "limit cursor"},
    {"GET", "/v1/functions/{name}", show, Access::deploy},
    {"PUT", "/v1/functions/{name}", put, Access::deploy, Takes::json},
    {"PATCH", "/v1/functions/{name}", patch, Access::deploy, Takes::merge_patch},
    {"DELETE", "/v1/functions/{name}", remove, Access::deploy},
    {"GET", "/v1/routes", routes, Access::deploy},
}};

}  // namespace

registry::Precondition precondition(const Call& call) {
    registry::Precondition claimed;
    if (const auto* value = call.field("If-Match")) claimed.if_match = *value;
    if (const auto* value = call.field("If-None-Match")) claimed.if_none_match = *value;
    return claimed;
}

Result<Answer> deployed_answer(const Result<registry::Deployed>& deployed) {
    if (!deployed) return deployed.error();
    auto answer = resource_answer(deployed->function, deployed->created ? 201 : 200);
    if (deployed->created) answer.fields.push_back({"Location", "/v1/functions/" + deployed->function->spec.name});
    return answer;
}

std::span<const Endpoint> function_endpoints() { return table; }

}  // namespace shallop::api
