// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>
#include <shallop/function/secret.h>

#include "function/parts.h"
#include "function/words.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;
using base::Result;

JsonLimits json_limits(const ResourceLimits& limits) { return {limits.document_bytes, limits.depth}; }

void checked(Object& resource, std::string_view name, std::string complaint) {
    if (!complaint.empty()) resource.problem(name, std::move(complaint));
}

void read_name(Object& resource, std::string_view name, std::string& into) {
    into = name;
    resource.text("name", into);
    if (into != name)
        resource.problem("name", "the URL says " + in_quotes(name) + ": give the same name here, or leave it out");
}

void read_command(Object& resource, std::optional<std::vector<std::string>>& command, const ResourceLimits& limits) {
    const auto* const value = resource.find_set("command");
    if (value == nullptr) return;
    if (value->is_string())
        return resource.problem("command", "give an array of words, such as [\"sh\", \"-c\", \"date\"]");
    command = resource.texts("command", limits.command_words);
    std::size_t total = 0;
    for (const auto& word : *command) total += word.size() + 1;
    if (total > limits.command_bytes)
        resource.problem("command", "give at most " + base::format_bytes(limits.command_bytes) + " in all");
    if (command->empty()) resource.problem("command", "give at least one word, or null for the image's own command");
}

void read_optional_text(Object& resource, std::string_view name, std::string& into,
                        std::string (*check)(std::string_view)) {
    resource.text_or_null(name, into);
    if (!into.empty()) checked(resource, name, check(into));
}

/// What GET adds and PUT gets back.
void skip_what_the_server_makes(Object& resource) {
    for (const std::string_view name : {"version", "etag", "image_id", "created", "updated", "origin", "url"})
        resource.find(name);
}

/// What we put into a container stays reachable.
void refuse_mounts_over_ours(const Spec& spec, Problems& problems) {
    const auto at_or_below = [](const std::string& path, std::string_view directory) {
        return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
    };
    for (std::size_t at = 0; at < spec.mounts.size(); ++at) {
        const auto& target = spec.mounts[at].target;
        const auto pointer = "/mounts/" + std::to_string(at) + "/target";
        if (spec.source && at_or_below(target, code_directory))
            problems.add(pointer, "the code is there: choose another target");
        if (!spec.secrets.empty() && at_or_below(target, secrets_directory))
            problems.add(pointer, "the function's secrets are there: choose another target");
    }
}

Result<Spec> read_spec(const Json& document, std::string_view name, const ResourceLimits& limits) {
    if (auto complaint = check_name(name, limits.name_length); !complaint.empty()) {
        return Error(Fault::invalid, std::move(complaint), "/name");
    }
    Problems problems;
    Object resource(document, "", problems);
    Spec spec;
    read_name(resource, name, spec.name);
    resource.text_or_null("image", spec.image);
    if (resource.find_set("image") != nullptr) checked(resource, "image", check_image(spec.image));
    read_source(resource, spec.source, limits);
    if (spec.source && spec.source->runtime == dockerfile_runtime)
        spec.build = std::exchange(spec.source, std::nullopt);
    read_contract(resource, spec.contract, limits);
    read_command(resource, spec.command, limits);
    read_routes(resource, spec.routes, limits);
    read_env(resource, spec.env, limits);
    read_secrets(resource, spec.secrets, limits);
    read_optional_text(resource, "user", spec.user, check_user);
    resource.text("network", spec.network);
    checked(resource, "network", check_network(spec.network));
    read_mounts(resource, spec.mounts, limits);
    read_optional_text(resource, "runtime", spec.runtime, check_runtime);
    resource.boolean("read_only", spec.read_only);
    read_gpus(resource, spec.gpus, limits);
    read_capabilities(resource, spec.capabilities);
    static const std::vector<std::string_view> policies{"if-missing", "always", "never"};
    if (const auto policy = resource.word("pull", policies)) spec.pull = policies[*policy];
    read_limits(resource, spec.limits);
    read_scale(resource, spec.scale);
    read_async(resource, spec.async, limits);
    refuse_mounts_over_ours(spec, problems);
    skip_what_the_server_makes(resource);
    resource.finish();
    if (spec.image.empty() && !spec.source && !spec.build) {
        resource.problem(
            "image",
            "name the image to run, such as \"image\": \"alpine:3.20\", or give \"source\" for a function from files");
    }
    if (problems.first()) return *problems.first();
    return spec;
}

/// A patch may give the contract in any of its forms, and meets the one that GET answered: brings `document` to the form of the patch. What
/// names a kind or a port decides: the contract is no longer automatic, unless the patch says so.
void align_contract(Json& document, const Json& patch) {
    const auto given = patch.find("contract");
    if (given == patch.end() || !given->is_object()) return;
    auto& now = document["contract"];
    const auto drop = [&now](std::initializer_list<const char*> names) {
        for (const auto* const name : names) now.erase(name);
    };
    for (const auto kind : kind_words()) {
        if (!given->contains(kind)) continue;
        auto options = now.at("kind") == kind ? now : Json::object();
        for (const auto* const name : {"kind", "auto", "reason"}) options.erase(name);
        now = Json{{kind, std::move(options)}};
        return;
    }
    const auto kind = given->find("kind");
    if (kind != given->end() && *kind != now.at("kind")) {
        drop({"reason", "output", "document_root", "script", "pass_authorization", "port", "ready_path", "root",
              "index"});
    }
    if (given->contains("auto") || (kind == given->end() && !given->contains("port"))) return;
    now["auto"] = false;
    drop({"reason"});
}

/// New files take the place of the code there is, and what was found in that is found anew; another runtime has another image.
void align_source(Json& document, const Json& patch) {
    const auto given = patch.find("source");
    if (given == patch.end() || !given->is_object() || !document["source"].is_object()) return;
    auto& now = document["source"];
    const bool new_code = given->contains("files") || given->contains("code");
    if (new_code) now.erase("code");
    if (new_code && !given->contains("entry")) now.erase("entry");
    if (new_code && !given->contains("runtime") && now.value("runtime", Json()) == dockerfile_runtime) {
        now.erase("runtime");
        document["image"] = nullptr;
    }
    if (given->contains("runtime") && !patch.contains("image") &&
        given->at("runtime") != now.value("runtime", Json())) {
        document["image"] = nullptr;
    }
}

/// A port that nobody gave is found anew where the patch changes what it was found in.
void forget_found_port(Json& document, const Spec& current, const Json& patch) {
    const auto& contract = current.contract;
    if (contract.kind != ContractKind::http || contract.reason.empty()) return;
    if (!patch.contains("image") && !patch.contains("env") && !patch.contains("contract")) return;
    document["contract"]["port"] = nullptr;
}

}  // namespace

Result<Spec> parse_resource(std::string_view json, std::string_view name, const ResourceLimits& limits) {
    const auto document = parse_strict(json, json_limits(limits));
    if (!document) return document.error();
    return read_spec(*document, name, limits);
}

Result<Spec> patch_resource(const Spec& current, std::string_view patch, const ResourceLimits& limits) {
    const auto change = parse_strict(patch, json_limits(limits));
    if (!change) return change.error();
    if (!change->is_object())
        return Error(Fault::invalid, "a merge patch is a JSON object with the members to change", "");
    auto document = Json::parse(format_spec(current));
    forget_found_port(document, current, *change);
    align_contract(document, *change);
    align_source(document, *change);
    document.merge_patch(*change);
    auto spec = read_spec(document, current.name, limits);
    if (spec) {
        const auto kept = keep_secrets(*spec, &current);
        if (!kept) return kept.error();
    }
    if (spec && format_spec(*spec).size() > limits.document_bytes) {
        return Error(Fault::too_large,
                     "the changed resource would have more than " + base::format_bytes(limits.document_bytes));
    }
    return spec;
}

}  // namespace shallop::function
