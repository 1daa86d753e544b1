// SPDX-License-Identifier: Apache-2.0
#include "function/parts.h"

#include "function/words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace shallop::function {
namespace {

using namespace std::chrono_literals;

void checked(Object& object, std::string_view name, std::string complaint) {
    if (!complaint.empty()) object.problem(name, std::move(complaint));
}

void checked_at(Object& object, std::string_view name, std::size_t index, std::string complaint) {
    if (!complaint.empty()) object.problems().add(append_pointer(object.pointer(name), index), std::move(complaint));
}

/// "http" and the like are words of the product that this version does not know yet.
void unavailable(Object& object, std::string_view name, std::string_view kind) {
    object.problem(name, "contract " + in_quotes(kind) + " is not available in this version; use 'cgi' or 'auto'");
}

void read_cgi_options(Object& cgi, Contract& contract) {
    if (const auto output = cgi.word("output", output_words())) contract.output = static_cast<Output>(*output);
    cgi.text("document_root", contract.document_root);
    cgi.text("script", contract.script);
    cgi.boolean("pass_authorization", contract.pass_authorization);
    if (!contract.document_root.empty()) checked(cgi, "document_root", check_path(contract.document_root));
    if (!contract.script.empty()) checked(cgi, "script", check_path(contract.script));
}

/// The form that GET answers: {"kind":"cgi","auto":true,"reason":"…","output":…}.
void read_explained_contract(Object& form, Contract& contract) {
    contract.automatic = false;
    form.boolean("auto", contract.automatic);
    std::string kind = "cgi";
    form.text("kind", kind);
    if (kind != "cgi") unavailable(form, "kind", kind);
    std::string reason;
    form.text("reason", reason);
    if (reason.size() > 1024) form.problem("reason", "take it out: the reason is written by the server");
    if (contract.automatic) contract.reason = std::move(reason);
    read_cgi_options(form, contract);
    form.finish();
}

void read_route(Object& route, Route& into) {
    route.text("path", into.path);
    checked(route, "path", check_route_path(into.path));
    into.methods = route.texts("methods", 16);
    for (std::size_t at = 0; at < into.methods.size(); ++at) {
        checked_at(route, "methods", at, check_method(into.methods[at]));
        const auto end = into.methods.begin() + static_cast<std::ptrdiff_t>(at);
        if (std::find(into.methods.begin(), end, into.methods[at]) != end) {
            checked_at(route, "methods", at, "this method is there twice: keep one of them");
        }
    }
    route.text_or_null("host", into.host);
    if (!into.host.empty()) checked(route, "host", check_host(into.host));
    route.finish();
}

void read_mount(Object& mount, Mount& into) {
    if (mount.find("type") == nullptr) mount.problem("type", "say which type: \"volume\", \"bind\" or \"tmpfs\"");
    if (const auto kind = mount.word("type", mount_words())) into.kind = static_cast<MountKind>(*kind);
    const bool tmpfs = into.kind == MountKind::tmpfs;
    into.read_only = !tmpfs;
    mount.text_or_null("source", into.source);
    mount.text("target", into.target);
    mount.boolean("read_only", into.read_only);
    mount.bytes("size", into.size, 0, 1ULL << 40);
    if (tmpfs && !into.source.empty()) mount.problem("source", "a tmpfs has no source: take it out");
    if (tmpfs && into.read_only)
        mount.problem("read_only", "a read-only tmpfs stays empty: give false, or leave it out");
    if (!tmpfs && into.size != 0) mount.problem("size", "only a tmpfs has a size: take it out");
    if (into.kind == MountKind::volume) checked(mount, "source", check_volume(into.source));
    if (into.kind == MountKind::bind) checked(mount, "source", check_bind_source(into.source));
    checked(mount, "target", check_mount_target(into.target));
    mount.finish();
}

void read_log_rate(Object& limits, Bytes& rate) {
    const auto* const value = limits.find("log_rate");
    if (value == nullptr) return;
    auto plain = *value;
    if (value->is_string() && value->get_ref<const std::string&>().ends_with("/s")) {
        plain = value->get<std::string>().substr(0, value->get_ref<const std::string&>().size() - 2);
    }
    const auto size = read_bytes(plain);
    if (!size || *size > (1ULL << 30))
        return limits.problem("log_rate", "give a rate from 0 to \"1Gi/s\", such as \"1Mi/s\"");
    rate = *size;
}

/// An integer of `scale` that this version knows one value of.
void only_value(Object& scale, std::string_view name, int value, std::string_view what) {
    int given = value;
    scale.integer(name, given, 0, 1'000'000);
    if (given == value) return;
    const auto text = std::to_string(value);
    scale.problem(name, std::string(what) + " not available in this version: leave it out, or give " + text);
}

}  // namespace

const std::vector<std::string_view>& output_words() {
    static const std::vector<std::string_view> words{"auto", "cgi", "raw", "nph"};
    return words;
}

const std::vector<std::string_view>& mount_words() {
    static const std::vector<std::string_view> words{"volume", "bind", "tmpfs"};
    return words;
}

void read_contract(Object& resource, Contract& contract) {
    const auto* const value = resource.find("contract");
    if (value == nullptr) return;
    if (value->is_string()) {
        const auto& kind = value->get_ref<const std::string&>();
        contract.automatic = kind == "auto";
        if (kind != "auto" && kind != "cgi") unavailable(resource, "contract", kind);
        return;
    }
    if (!value->is_object()) {
        return resource.problem("contract", "give \"auto\", \"cgi\", or {\"cgi\": {…}} with its options");
    }
    Object form(*value, resource.pointer("contract"), resource.problems());
    if (value->contains("kind") || value->contains("auto")) return read_explained_contract(form, contract);
    contract.automatic = false;
    const auto* const options = form.find("cgi");
    if (options == nullptr) {
        return unavailable(resource, "contract", value->empty() ? std::string() : value->items().begin().key());
    }
    Object cgi(*options, form.pointer("cgi"), resource.problems());
    read_cgi_options(cgi, contract);
    cgi.finish();
    form.finish();
}

void read_routes(Object& resource, std::vector<Route>& routes, const ResourceLimits& limits) {
    for (const auto* const element : resource.array("routes", limits.routes)) {
        Object route(*element, append_pointer(resource.pointer("routes"), routes.size()), resource.problems());
        read_route(route, routes.emplace_back());
    }
}

void read_env(Object& resource, std::map<std::string, std::string>& env, const ResourceLimits& limits) {
    const auto* const value = resource.find("env");
    if (value == nullptr) return;
    if (!value->is_object()) return resource.problem("env", "give an object of texts, such as {\"MODE\": \"fast\"}");
    if (value->size() > limits.env_entries) {
        return resource.problem("env", "give at most " + std::to_string(limits.env_entries) + " variables");
    }
    std::size_t total = 0;
    for (const auto& [name, text] : value->items()) {
        auto complaint = check_variable(name);
        if (complaint.empty() && !text.is_string()) complaint = "give a text: a variable's value in quotes";
        if (!complaint.empty())
            return resource.problems().add(append_pointer(resource.pointer("env"), name), complaint);
        total += name.size() + text.get_ref<const std::string&>().size() + 2;
        env.emplace(name, text.get<std::string>());
    }
    if (total > limits.env_bytes) {
        resource.problem("env", "give at most " + base::format_bytes(limits.env_bytes) + " of variables in all");
    }
}

void read_mounts(Object& resource, std::vector<Mount>& mounts, const ResourceLimits& limits) {
    for (const auto* const element : resource.array("mounts", limits.mounts)) {
        Object mount(*element, append_pointer(resource.pointer("mounts"), mounts.size()), resource.problems());
        Mount into;
        read_mount(mount, into);
        const auto same = [&](const Mount& other) { return other.target == into.target; };
        if (std::any_of(mounts.begin(), mounts.end(), same)) {
            mount.problem("target", "another mount has this target already: choose another");
        }
        mounts.push_back(std::move(into));
    }
}

void read_capabilities(Object& resource, std::vector<std::string>& capabilities) {
    // Docker's default set without what lets code make devices, forge packets, change roots or write the audit log.
    static const std::vector<std::string_view> allowed{"CHOWN", "DAC_OVERRIDE",     "FOWNER", "FSETID",
                                                       "KILL",  "NET_BIND_SERVICE", "SETGID", "SETUID"};
    for (auto& name : resource.texts("capabilities", allowed.size())) {
        if (name.starts_with("CAP_")) name.erase(0, 4);
        const auto index = capabilities.size();
        if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
            std::string list;
            for (const auto word : allowed) list.append(list.empty() ? "" : ", ").append(word);
            return checked_at(resource, "capabilities", index,
                              in_quotes(name) + " cannot be given to a function; these can: " + list);
        }
        if (std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end()) {
            return checked_at(resource, "capabilities", index, "this capability is there twice: keep one of them");
        }
        capabilities.push_back(std::move(name));
    }
}

void read_limits(Object& resource, Limits& limits) {
    const auto* const value = resource.find("limits");
    if (value == nullptr) return;
    constexpr Bytes largest = 1ULL << 40;
    Object object(*value, resource.pointer("limits"), resource.problems());
    object.bytes("memory", limits.memory, 6ULL << 20, largest);  // the engine refuses less than 6 MiB
    object.number("cpus", limits.cpus, 0.01, 256);
    object.integer("pids", limits.pids, 3, 32'768);  // the shim, a program, and one that it starts
    object.integer("files", limits.files, 16, 1'048'576);
    object.bytes("tmp", limits.tmp, 0, largest);
    object.duration("timeout", limits.timeout, 1ms, 24h);
    object.bytes("request_body", limits.request_body, 0, largest);
    if (const auto* const body = object.find("response_body")) {
        limits.response_body.reset();
        if (!body->is_string() || body->get_ref<const std::string&>() != "unlimited") {
            object.bytes("response_body", limits.response_body.emplace(), 0, largest);
        }
    }
    read_log_rate(object, limits.log_rate);
    object.finish();
}

void read_scale(Object& resource, Scale& scale) {
    const auto* const value = resource.find("scale");
    if (value == nullptr) return;
    Object object(*value, resource.pointer("scale"), resource.problems());
    only_value(object, "min", 0, "instances kept running are");
    object.integer("max", scale.max, 1, 1000);
    only_value(object, "concurrency", 1, "more than one invocation in an instance at once is");
    object.boolean("reuse", scale.reuse);
    if (scale.reuse) {
        object.problem("reuse",
                       "reusing an instance is not available in this version, each invocation gets a fresh container: "
                       "leave it out, or give false");
    }
    only_value(object, "standby", 0, "instances started ahead are");
    object.duration("idle_timeout", scale.idle_timeout, 0s, 24h);
    if (const auto idle = object.word("idle", {"keep", "pause"}); idle == 1U) {
        object.problem("idle",
                       "pausing idle instances is not available in this version: leave it out, or give \"keep\"");
    }
    only_value(object, "max_invocations", 0, "a bound on the invocations of an instance is");
    object.integer("queue", scale.queue, 0, 100'000);
    object.duration("queue_timeout", scale.queue_timeout, 0s, 24h);
    object.finish();
}

}  // namespace shallop::function
