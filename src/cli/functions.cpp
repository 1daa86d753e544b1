// SPDX-License-Identifier: Apache-2.0
#include "cli/functions.h"

#include "cli/command.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string path_of(const std::string& name) { return "/v1/functions/" + percent_encoded(name); }

Result<Deployed> send(Rest& rest, const char* method, const std::string& name, const char* type, const Json& body) {
    Request request;
    request.method = method;
    request.path = path_of(name);
    request.fields = {std::string("Content-Type: ") + type};
    request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    return deployed_from(rest.ask(request));
}

}  // namespace

Result<Json> fetch(Rest& rest, const std::string& path) {
    Request request;
    request.path = path;
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    auto document = Json::parse(reply->body, nullptr, false);
    if (!document.is_object()) return complaint_from(reply->head.status, reply->body);
    return document;
}

Result<Json> list_in(const Json& page, const char* member) {
    const auto found = page.is_object() ? page.find(member) : page.end();
    if (found == page.end() || !found->is_array()) {
        return Complaint{std::string("the answer is not that of a Shallop daemon: it has no list of ") + member,
                         "check the address: --url URL, or SHALLOP_URL"};
    }
    return *found;
}

Result<Json> fetch_list(Rest& rest, const std::string& path, const char* member) {
    auto all = Json::array();
    std::string cursor;
    do {
        const auto page =
            fetch(rest, path + "?limit=1000" + (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
        if (!page) return page.error();
        auto some = list_in(*page, member);
        if (!some) return some.error();
        for (auto& one : *some) all.push_back(std::move(one));
        cursor = page->value("next_cursor", std::string());
    } while (!cursor.empty());
    return all;
}

Result<Json> fetch_functions(Rest& rest) { return fetch_list(rest, "/v1/functions", "functions"); }

Result<std::optional<Json>> find_function(Rest& rest, const std::string& name) {
    Request request;
    request.path = path_of(name);
    const auto reply = rest.call(request);
    if (!reply) return reply.error();
    if (reply->head.status == 404) return std::optional<Json>();
    auto document = Json::parse(reply->body, nullptr, false);
    if (reply->head.status != 200 || !document.is_object()) return complaint_from(reply->head.status, reply->body);
    return std::optional<Json>(std::move(document));
}

Result<Deployed> put_function(Rest& rest, const std::string& name, const Json& resource) {
    return send(rest, "PUT", name, "application/json", resource);
}

Result<Deployed> patch_function(Rest& rest, const std::string& name, const Json& patch) {
    return send(rest, "PATCH", name, "application/merge-patch+json", patch);
}

Done remove_function(Rest& rest, const std::string& name) {
    Request request;
    request.method = "DELETE";
    request.path = path_of(name);
    const auto reply = rest.ask(request);
    if (!reply) return reply.error();
    return {};
}

Result<Deployed> deployed_from(const Result<Reply>& reply) {
    if (!reply) return reply.error();
    auto answer = Json::parse(reply->body, nullptr, false);
    if (!answer.is_object()) return complaint_from(reply->head.status, reply->body);
    return Deployed{std::move(answer), reply->head.status == 201};
}

}  // namespace shallop::cli
