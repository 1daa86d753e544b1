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
    read_signature(route, into.signature);
    route.boolean("async", into.async);
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

void refuse_above_max(Object& object, std::string_view name, int given, int max) {
    if (given <= max) return;
    object.problem(name, std::string(name) + " is " + std::to_string(given) + " and max is " + std::to_string(max) +
                             ": raise max, or lower " + std::string(name));
}

/// With "reuse": false each invocation has a container of its own, so nothing may count on a second one.
void refuse_contradictions(Object& object, const Scale& scale) {
    refuse_above_max(object, "min", scale.min, scale.max);
    refuse_above_max(object, "standby", scale.standby, scale.max);
    if (scale.reuse) {
        if (scale.standby == 0) return;
        return object.problem("standby",
                              "containers on standby serve one invocation each, and \"reuse\" is true: give "
                              "\"reuse\": false with them, or use \"min\" to keep instances warm");
    }
    if (scale.min > 0) {
        object.problem("min",
                       "no instance is kept with \"reuse\": false: use \"standby\" to have fresh containers started "
                       "ahead, or give \"reuse\": true");
    }
    if (scale.concurrency > 1) {
        object.problem("concurrency",
                       "with \"reuse\": false each invocation has a container of its own: leave it out, or give "
                       "\"reuse\": true");
    }
    if (scale.max_invocations > 1) {
        object.problem("max_invocations",
                       "with \"reuse\": false a container serves one invocation: leave it out, or give "
                       "\"reuse\": true");
    }
}

}  // namespace

const std::vector<std::string_view>& mount_words() {
    static const std::vector<std::string_view> words{"volume", "bind", "tmpfs"};
    return words;
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
    constexpr int most = 1000;
    static const std::vector<std::string_view> idle_words{"keep", "pause"};
    static const std::vector<std::string_view> keep_alive_words{"fixed", "learned"};
    Object object(*value, resource.pointer("scale"), resource.problems());
    object.integer("min", scale.min, 0, most);
    object.integer("max", scale.max, 1, most);
    object.integer("concurrency", scale.concurrency, 1, most);
    object.boolean("reuse", scale.reuse);
    object.integer("standby", scale.standby, 0, most);
    object.duration("idle_timeout", scale.idle_timeout, 0s, 24h);
    if (const auto word = object.word("idle", idle_words)) scale.idle = idle_words[*word];
    if (const auto word = object.word("keep_alive", keep_alive_words)) scale.keep_alive = keep_alive_words[*word];
    object.integer("max_invocations", scale.max_invocations, 0, 1'000'000'000);
    object.integer("queue", scale.queue, 0, 100'000);
    object.duration("queue_timeout", scale.queue_timeout, 0s, 24h);
    object.finish();
    refuse_contradictions(object, scale);
}

}  // namespace shallop::function
