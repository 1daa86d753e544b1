// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include "function/parts.h"

#include <nlohmann/json.hpp>

namespace shallop::function {
namespace {

using Ordered = nlohmann::ordered_json;

/// Only texts the engine gave could be anything but UTF-8.
std::string dump(const Ordered& json) { return json.dump(-1, ' ', false, Ordered::error_handler_t::replace); }

Ordered or_null(const std::string& text) { return text.empty() ? Ordered() : Ordered(text); }

Ordered source_json(const Source& source) {
    Ordered json;
    json["runtime"] = or_null(source.runtime);
    json["entry"] = or_null(source.entry);
    json["handler"] = or_null(source.handler);
    if (!source.code.empty()) json["code"] = source.code;
    if (source.own_routes) json["routes"] = "application";
    if (!source.kind.empty()) json["kind"] = source.kind;
    if (!source.packages.empty()) json["packages"] = source.packages;
    if (!source.files.empty()) json["files"] = source.files;
    return json;
}

/// Null until decide_contract() has found one.
Ordered port_json(const Contract& contract) {
    if (!contract.socket.empty()) return "unix:" + contract.socket;
    return contract.port == 0 ? Ordered() : Ordered(contract.port);
}

Ordered contract_json(const Contract& contract) {
    Ordered json;
    json["kind"] = kind_words().at(static_cast<std::size_t>(contract.kind));
    json["auto"] = contract.automatic;
    if (!contract.reason.empty()) json["reason"] = contract.reason;
    if (contract.kind == ContractKind::http) {
        json["port"] = port_json(contract);
        json["ready_path"] = or_null(contract.ready_path);
        return json;
    }
    if (contract.kind == ContractKind::fcgi) {
        json["port"] = port_json(contract);
        json["root"] = or_null(contract.root);
        json["index"] = or_null(contract.index);
        json["pass_authorization"] = contract.pass_authorization;
        return json;
    }
    json["output"] = output_words().at(static_cast<std::size_t>(contract.output));
    json["document_root"] = contract.document_root;
    json["script"] = contract.script;
    json["pass_authorization"] = contract.pass_authorization;
    return json;
}

enum class Secrets { written, hidden };

/// Those that are hidden are one, however many they are; names are no secret.
Ordered secret_json(const Signature& signature, Secrets how) {
    auto all = Ordered::array();
    for (const auto& secret : signature.secrets) {
        if (how == Secrets::written) all.push_back(secret);
    }
    if (how == Secrets::hidden && !signature.secrets.empty()) all.push_back(hidden_secret);
    for (const auto& name : signature.secret_names) all.push_back({{"name", name}});
    return all.size() == 1 ? Ordered(all.front()) : all;
}

/// The members that its scheme has.
Ordered signature_json(const Signature& signature, Secrets how) {
    Ordered json;
    json["scheme"] = scheme_name(signature);
    json["secret"] = secret_json(signature, how);
    if (has_time(signature)) json["tolerance"] = base::format_duration(signature.tolerance);
    if (signature.scheme != SignatureScheme::hmac) return json;
    json["header"] = signature.header;
    json["algorithm"] = signature.algorithm;
    json["encoding"] = signature.encoding;
    json["prefix"] = signature.prefix;
    json["timestamp_header"] = or_null(signature.timestamp_header);
    json["template"] = signature.signed_text;
    return json;
}

Ordered routes_json(const std::vector<Route>& routes, Secrets how) {
    auto json = Ordered::array();
    for (const auto& route : routes) {
        Ordered one;
        one["path"] = route.path;
        one["methods"] = route.methods;
        one["host"] = or_null(route.host);
        if (route.async) one["async"] = true;
        if (route.signature) one["signature"] = signature_json(*route.signature, how);
        json.push_back(std::move(one));
    }
    return json;
}

Ordered mounts_json(const std::vector<Mount>& mounts) {
    auto json = Ordered::array();
    for (const auto& mount : mounts) {
        Ordered one;
        one["type"] = mount_words().at(static_cast<std::size_t>(mount.kind));
        if (mount.kind != MountKind::tmpfs) one["source"] = mount.source;
        one["target"] = mount.target;
        one["read_only"] = mount.read_only;
        if (mount.kind == MountKind::tmpfs) one["size"] = base::format_bytes(mount.size);
        json.push_back(std::move(one));
    }
    return json;
}

Ordered secrets_json(const std::vector<SecretFile>& secrets) {
    auto json = Ordered::array();
    for (const auto& [name, file] : secrets) {
        if (file == name) {
            json.push_back(name);
        } else {
            json.push_back({{"name", name}, {"file", file}});
        }
    }
    return json;
}

Ordered gpus_json(const Gpus& gpus) {
    if (!gpus.ids.empty()) return gpus.ids;
    return gpus.count == all_gpus ? Ordered("all") : Ordered(gpus.count);
}

Ordered limits_json(const Limits& limits) {
    Ordered json;
    json["memory"] = base::format_bytes(limits.memory);
    json["cpus"] = limits.cpus;
    json["pids"] = limits.pids;
    json["files"] = limits.files;
    json["tmp"] = base::format_bytes(limits.tmp);
    json["timeout"] = base::format_duration(limits.timeout);
    json["request_body"] = base::format_bytes(limits.request_body);
    json["response_body"] = limits.response_body ? base::format_bytes(*limits.response_body) : "unlimited";
    json["log_rate"] = base::format_bytes(limits.log_rate) + "/s";
    return json;
}

Ordered scale_json(const Scale& scale) {
    Ordered json;
    json["min"] = scale.min;
    json["max"] = scale.max;
    json["concurrency"] = scale.concurrency;
    json["reuse"] = scale.reuse;
    json["standby"] = scale.standby;
    json["idle_timeout"] = base::format_duration(scale.idle_timeout);
    json["idle"] = scale.idle;
    json["keep_alive"] = scale.keep_alive;
    json["max_invocations"] = scale.max_invocations;
    json["queue"] = scale.queue;
    json["queue_timeout"] = base::format_duration(scale.queue_timeout);
    return json;
}

Ordered destination_json(const std::optional<Destination>& to) {
    if (!to) return {};
    if (!to->function.empty()) return {{"function", to->function}};
    if (!to->url.empty()) return {{"url", to->url}};
    return {{"file", to->file}};
}

Ordered async_json(const Async& async) {
    Ordered json;
    json["max_attempts"] = async.max_attempts;
    json["backoff"] = {{"initial", base::format_duration(async.backoff_initial)},
                       {"factor", async.backoff_factor},
                       {"max", base::format_duration(async.backoff_max)},
                       {"jitter", async.jitter}};
    json["max_age"] = base::format_duration(async.max_age);
    json["concurrency"] = async.concurrency;
    json["on_success"] = destination_json(async.on_success);
    json["on_failure"] = destination_json(async.on_failure);
    json["retention"] = base::format_duration(async.retention);
    json["result"] = base::format_bytes(async.result);
    json["retry_on"] = async.retry_on;
    json["backlog"] = async.backlog;
    json["backlog_bytes"] = base::format_bytes(async.backlog_bytes);
    json["yield"] = async.yield;
    return json;
}

Ordered spec_json(const Spec& spec, Secrets how) {
    Ordered json;
    json["name"] = spec.name;
    json["image"] = or_null(spec.image);
    const auto& source = spec.source ? spec.source : spec.build;
    json["source"] = source ? source_json(*source) : Ordered();
    json["pull"] = spec.pull;
    json["contract"] = contract_json(spec.contract);
    if (spec.source && json["contract"].contains("port")) json["contract"]["port"] = nullptr;  // its runtime's business
    json["command"] = spec.command ? Ordered(*spec.command) : Ordered();
    json["routes"] = routes_json(spec.routes, how);
    json["env"] = spec.env.empty() ? Ordered::object() : Ordered(spec.env);
    json["secrets"] = secrets_json(spec.secrets);
    json["user"] = or_null(spec.user);
    json["network"] = spec.network;
    json["mounts"] = mounts_json(spec.mounts);
    json["runtime"] = or_null(spec.runtime);
    json["read_only"] = spec.read_only;
    json["gpus"] = gpus_json(spec.gpus);
    json["capabilities"] = spec.capabilities;
    json["limits"] = limits_json(spec.limits);
    json["scale"] = scale_json(spec.scale);
    json["async"] = async_json(spec.async);
    return json;
}

}  // namespace

std::string format_spec(const Spec& spec) { return dump(spec_json(spec, Secrets::written)); }

std::string show_spec(const Spec& spec) { return dump(spec_json(spec, Secrets::hidden)); }

std::string format_resource(const Function& function) {
    auto json = spec_json(function.spec, Secrets::hidden);
    json["version"] = function.version;
    json["etag"] = function.etag;
    json["image_id"] = function.image.id;
    json["created"] = function.created;
    json["updated"] = function.updated;
    json["origin"] = function.origin.empty() ? Ordered() : Ordered{{"folder", function.origin}};
    json["url"] = "/function/" + function.spec.name;
    return dump(json);
}

}  // namespace shallop::function
