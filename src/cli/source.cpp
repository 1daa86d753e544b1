// SPDX-License-Identifier: Apache-2.0
#include "cli/source.h"

#include <shallop/folder/code_id.h>

#include "cli/build_words.h"
#include "cli/upload.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What POST …/source is told in its query.
std::string query_of(const SourceFunction& function, const Upload& upload) {
    std::string query;
    const auto add = [&query](const char* name, const std::string& value) {
        if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encoded(value);
    };
    const auto text = [](const Json& object, const char* member) {
        const auto found = object.find(member);
        return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    for (const auto* const member : {"runtime", "entry", "handler", "routes"})
        add(member, text(function.source, member));
    add("image", text(function.settings, "image"));
    add("filename", upload.file_name);
    return query;
}

/// Sends the code to an endpoint of the function.
Result<Reply> send_code(Rest& rest, const SourceFunction& function, const char* endpoint) {
    const auto upload = open_upload(function.code);
    if (!upload) return upload.error();
    Request request;
    request.method = "POST";
    request.path = "/v1/functions/" + percent_encoded(function.name) + endpoint + query_of(function, *upload);
    request.fields = {"Content-Type: " + upload->type};
    request.upload = upload->file.get();
    return rest.ask(request);
}

Result<Deployed> post_code(Rest& rest, const SourceFunction& function) {
    return deployed_from(send_code(rest, function, "/source"));
}

/// The id of the code that the daemon has for a function; null where it is an image.
Json code_of(const Json& resource) {
    const auto source = resource.find("source");
    return source == resource.end() || !source->is_object() ? Json() : source->value("code", Json());
}

/// Whether the upload alone says everything: what is not in its query needs a resource.
bool code_alone(const SourceFunction& function) {
    if (function.whole) return false;
    return function.settings.empty() || (function.settings.size() == 1 && function.settings.contains("image"));
}

/// The resource, or the change to the one there is, that has the settings and `source`.
Result<Deployed> send_settings(Rest& rest, const SourceFunction& function, const std::optional<Json>& before,
                               Json source) {
    auto resource = function.settings;
    resource["source"] = std::move(source);
    if (function.whole || !before) return put_function(rest, function.name, resource);
    const auto was = before->find("source");
    if (was == before->end() || !was->is_object()) {  // it was an image until now
        for (const auto* const member : {"image", "command"}) resource.emplace(member, nullptr);
        resource.emplace("contract", "auto");
    }
    return patch_function(rest, function.name, resource);
}

/// Two versions: there is no other way for code that does not fit into a resource.
Result<Deployed> post_then_send(Rest& rest, const SourceFunction& function) {
    auto posted = post_code(rest, function);
    if (!posted) return posted.error();
    auto source = function.source;
    source["code"] = code_of(posted->resource);
    auto sent = send_settings(rest, function, posted->resource, std::move(source));
    if (!sent) {
        auto complaint = sent.error();
        complaint.what = "the code is there, its settings are not: " + complaint.what;
        return complaint;
    }
    sent->created = posted->created;
    return sent;
}

}  // namespace

Result<Deployed> deploy_source(Rest& rest, const SourceFunction& function) {
    if (code_alone(function)) return post_code(rest, function);
    auto files = inline_files(function.code);
    if (!files) return files.error();
    const auto before = find_function(rest, function.name);
    if (!before) return before.error();
    auto source = function.source;
    if (*files) {
        source["files"] = std::move(**files);
        return send_settings(rest, function, *before, std::move(source));
    }
    const auto id = code_id(function.code);
    if (!id) return id.error();
    if (!*before || id->empty() || code_of(**before) != *id) return post_then_send(rest, function);
    source["code"] = *id;
    return send_settings(rest, function, *before, std::move(source));
}

Result<Deployed> deploy_aloud(Rest& rest, const SourceFunction& function) {
    const BuildWords words(rest.server(), function.name);
    return deploy_source(rest, function);
}

Result<Json> verify_source(Rest& rest, const SourceFunction& function) {
    const BuildWords words(rest.server(), function.name);
    const auto reply = send_code(rest, function, "/verify");
    if (!reply) return reply.error();
    auto verified = Json::parse(reply->body, nullptr, false);
    if (verified.is_object()) return verified;
    return Complaint{"the daemon's answer makes no sense", "see whether SHALLOP_URL names a daemon's admin listener"};
}

}  // namespace shallop::cli
