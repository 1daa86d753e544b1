// SPDX-License-Identifier: Apache-2.0
#include "api/endpoint.h"

#include <algorithm>
#include <array>

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

/// Takes the segment after the next slash off the front.
std::string_view take_segment(std::string_view& path) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& words) {
    words.clear();
    while (!pattern.empty() && !path.empty()) {
        const auto wanted = take_segment(pattern);
        const auto given = take_segment(path);
        if (!wanted.starts_with('{')) {
            if (wanted != given) return false;
            continue;
        }
        auto word = http::decode_path(given);
        if (!word || word->empty()) return false;
        words.push_back(std::move(*word));
    }
    return pattern.empty() && path.empty();
}

void add_method(std::string& allow, std::string_view method) {
    if (!allow.empty()) allow += ", ";
    allow += method;
    if (method == "GET") allow += ", HEAD";
}

}  // namespace

std::optional<access::Scope> scope_of(Access access) {
    switch (access) {
        case Access::anyone:
            return std::nullopt;
        case Access::metrics:
            return access::Scope::metrics;
        case Access::invoke:
            return access::Scope::invoke;
        case Access::deploy:
            return access::Scope::deploy;
        case Access::admin:
            break;
    }
    return access::Scope::admin;
}

std::span<const std::span<const Endpoint>> all_endpoints() {
    static const std::array tables{function_endpoints(), source_endpoints(),     instance_endpoints(),
                                   log_endpoints(),      invocation_endpoints(), job_endpoints(),
                                   schedule_endpoints(), trigger_endpoints(),    secret_endpoints(),
                                   token_endpoints(),    daemon_endpoints()};
    return tables;
}

Result<const Endpoint*> find_endpoint(std::string_view method, std::string_view path, std::vector<std::string>& words,
                                      std::string& allow) {
    if (!path.starts_with('/')) return Error(Fault::not_found, "no such path in this API");
    const auto wanted = method == "HEAD" ? std::string_view("GET") : method;
    for (const auto& table : all_endpoints()) {
        for (const auto& endpoint : table) {
            if (!matches(endpoint.pattern, path, words)) continue;
            if (endpoint.method == wanted) return &endpoint;
            add_method(allow, endpoint.method);
        }
    }
    if (!allow.empty())
        return Error(Fault::conflict, "this path does not take the method; the Allow field names those it takes");
    return Error(Fault::not_found, "no such path in this API; GET /openapi.json describes it");
}

Answer json_answer(const Json& document, int status) {
    Answer answer;
    answer.status = status;
    // What functions print need not be UTF-8; an answer is.
    answer.body = document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return answer;
}

Answer text_answer(std::string text) {
    Answer answer;
    answer.type = "text/plain; charset=utf-8";
    answer.body = std::move(text);
    return answer;
}

Result<Page> page_of(const Query& query, std::size_t usual) {
    constexpr std::size_t largest = 1000;
    const auto limit = query.count("limit", usual, largest);
    if (!limit) return limit.error();
    return Page{*limit, query.text("cursor")};
}

Answer page_answer(const char* key, Json items, const Page& page, const char* cursor) {
    Json document;
    std::string next;
    if (items.size() > page.limit) {
        items.erase(items.begin() + static_cast<std::ptrdiff_t>(page.limit), items.end());
        next = items.back().at(cursor);
    }
    document[key] = std::move(items);
    if (!next.empty()) document["next_cursor"] = next;
    return json_answer(document);
}

Result<function::FunctionPtr> find_function(const Call& call) {
    const auto& name = call.words.at(0);
    auto function = call.parts.registry.catalog()->find(name);
    if (function) return function;
    return Error(Fault::not_found,
                 "there is no function '" + name.substr(0, 80) + "'; GET /v1/functions lists those there are");
}

}  // namespace shallop::api
