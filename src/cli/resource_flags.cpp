// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_flags.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

Complaint wrong(const char* flag, const std::string& given, const std::string& like) {
    return {std::string(flag) + " '" + given + "' is not understood", "give " + like, 2};
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (auto at = text.find(separator); at != std::string::npos; at = text.find(separator, from)) {
        parts.push_back(text.substr(from, at - from));
        from = at + 1;
    }
    parts.push_back(text.substr(from));
    return parts;
}

Result<Json> route_from(const std::string& text) {
    Json route = Json::object();
    auto place = text;
    if (const auto blank = text.find(' '); blank != std::string::npos) {
        route["methods"] = split(text.substr(0, blank), ',');
        place = text.substr(text.find_first_not_of(' ', blank));
    }
    const auto slash = place.find('/');
    if (slash == std::string::npos)
        return wrong("--route", text, "a path, such as /resize/{id} or 'GET,POST example.org/resize/{id}'");
    if (slash > 0) route["host"] = place.substr(0, slash);
    route["path"] = place.substr(slash);
    return route;
}

Result<Json> mount_from(const std::string& text) {
    const auto parts = split(text, ':');
    const bool known_mode = parts.size() == 2 || (parts.size() == 3 && (parts[2] == "ro" || parts[2] == "rw"));
    if (!known_mode || parts[0].empty() || parts[1].empty()) {
        return wrong("--mount", text, "VOLUME:/TARGET, /HOST/PATH:/TARGET or either with :rw to write to it");
    }
    return Json{{"type", parts[0].starts_with('/') ? "bind" : "volume"},
                {"source", parts[0]},
                {"target", parts[1]},
                {"read_only", parts.size() == 2 || parts[2] == "ro"}};
}

Done add_env(Json& resource, const ResourceFlags& flags, const Environment& environment) {
    for (const auto& text : flags.env) {
        const auto equals = text.find('=');
        const auto name = text.substr(0, equals);
        if (name.empty()) return wrong("--env", text, "NAME=VALUE, or NAME to pass on the variable you have");
        const auto value = equals == std::string::npos ? environment(name) : text.substr(equals + 1);
        if (!value)
            return Complaint{"--env " + name + " has no value, and there is no such variable here",
                             "give --env " + name + "=VALUE", 2};
        resource["env"][name] = *value;
    }
    return {};
}

void add_secrets(Json& resource, const std::vector<std::string>& secrets) {
    for (const auto& text : secrets) {
        const auto colon = text.find(':');
        auto secret = Json(text);
        if (colon != std::string::npos) secret = {{"name", text.substr(0, colon)}, {"file", text.substr(colon + 1)}};
        resource["secrets"].push_back(std::move(secret));
    }
}

/// "max_invocations" is asked for by --max-invocations.
std::string flag_of(std::string_view member) {
    auto flag = "--" + std::string(member);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

/// Numbers go as numbers, so that the daemon's complaint is about the number and not about its quotes.
Done add_number(Json& into, std::string_view member, const std::string& text) {
    if (text.empty()) return {};
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return wrong(flag_of(member).c_str(), text, "a number");
    }
    if (number == std::floor(number) && std::abs(number) < 1e15) {
        into[member] = static_cast<std::int64_t>(number);
    } else {
        into[member] = number;
    }
    return {};
}

void add_text(Json& into, const char* member, const std::string& text) {
    if (!text.empty()) into[member] = text;
}

Result<Json> cgi_options(const ResourceFlags& flags) {
    Json options = Json::object();
    add_text(options, "output", flags.output);
    if (flags.pass_authorization) options["pass_authorization"] = true;
    return options;
}

/// A number, "all", or ids.
Done add_gpus(Json& resource, const std::string& text) {
    if (text.empty()) return {};
    const bool number = text.find_first_not_of("0123456789") == std::string::npos;
    if (number) return add_number(resource, "gpus", text);
    resource["gpus"] = text == "all" ? Json(text) : Json(split(text, ','));
    return {};
}

/// Of what listens.
Result<Json> server_options(const ResourceFlags& flags) {
    Json options = Json::object();
    if (flags.port.starts_with("unix:")) {
        options["port"] = flags.port;
    } else if (const auto added = add_number(options, "port", flags.port); !added) {
        return wrong("--port", flags.port, "a port from 1 to 65535, or unix:/PATH of a socket");
    }
    add_text(options, "ready_path", flags.ready_path);
    if (flags.pass_authorization) options["pass_authorization"] = true;
    return options;
}

/// An option of one contract asks for that contract.
Done add_contract(Json& resource, const ResourceFlags& flags) {
    const auto& contract = flags.contract;
    const bool fcgi = contract == "fcgi";
    const bool cgi = !flags.output.empty() || (flags.pass_authorization && !fcgi);
    const bool http = !flags.ready_path.empty() || (!flags.port.empty() && !fcgi);
    if ((cgi && contract == "http") || (http && contract == "cgi") || (cgi && http) || (fcgi && (cgi || http))) {
        return Complaint{"these options are of two contracts",
                         "give --port and --ready-path with --contract http; --output and --pass-authorization with "
                         "--contract cgi; --port and --pass-authorization with --contract fcgi",
                         2};
    }
    const bool plain = !cgi && !http && flags.port.empty() && !flags.pass_authorization;
    if (plain) {
        add_text(resource, "contract", contract);
        return {};
    }
    auto options = cgi ? cgi_options(flags) : server_options(flags);
    if (!options) return options.error();
    resource["contract"] = Json{{cgi ? "cgi" : fcgi ? "fcgi" : "http", std::move(*options)}};
    return {};
}

Result<Json> limits_from(const ResourceFlags& flags) {
    Json limits = Json::object();
    add_text(limits, "memory", flags.memory);
    add_text(limits, "tmp", flags.tmp);
    add_text(limits, "timeout", flags.timeout);
    add_text(limits, "request_body", flags.request_body);
    add_text(limits, "response_body", flags.response_body);
    for (const auto& [member, text] :
         {std::pair{"cpus", &flags.cpus}, {"pids", &flags.pids}, {"files", &flags.files}}) {
        if (const auto added = add_number(limits, member, *text); !added) return added.error();
    }
    return limits;
}

Result<Json> scale_from(const ResourceFlags& flags) {
    Json scale = Json::object();
    if (flags.reuse && flags.fresh) {
        return Complaint{"--reuse and --fresh contradict each other", "give one of them", 2};
    }
    if (flags.reuse || flags.fresh) scale["reuse"] = flags.reuse;
    for (const auto& [member, text] : {std::pair{"min", &flags.min},
                                       {"max", &flags.max},
                                       {"concurrency", &flags.concurrency},
                                       {"standby", &flags.standby},
                                       {"max_invocations", &flags.max_invocations},
                                       {"queue", &flags.queue}}) {
        if (const auto added = add_number(scale, member, *text); !added) return added.error();
    }
    add_text(scale, "idle_timeout", flags.idle_timeout);
    add_text(scale, "idle", flags.idle);
    add_text(scale, "keep_alive", flags.keep_alive);
    add_text(scale, "queue_timeout", flags.queue_timeout);
    return scale;
}

}  // namespace

Json source_from(const ResourceFlags& flags) {
    Json source = Json::object();
    add_text(source, "runtime", flags.language);
    add_text(source, "entry", flags.entry);
    add_text(source, "handler", flags.handler);
    if (flags.own_routes) source["routes"] = "application";
    return source;
}

Result<Json> resource_from(const ResourceFlags& flags, const Environment& environment) {
    Json resource = Json::object();
    add_text(resource, "image", flags.image);
    add_text(resource, "pull", flags.pull);
    if (const auto added = add_contract(resource, flags); !added) return added.error();
    if (!flags.command.empty()) resource["command"] = flags.command;
    for (const auto& text : flags.routes) {
        auto route = route_from(text);
        if (!route) return route.error();
        resource["routes"].push_back(std::move(*route));
    }
    if (const auto added = add_env(resource, flags, environment); !added) return added.error();
    add_secrets(resource, flags.secrets);
    add_text(resource, "user", flags.user);
    add_text(resource, "network", flags.network);
    for (const auto& text : flags.mounts) {
        auto mount = mount_from(text);
        if (!mount) return mount.error();
        resource["mounts"].push_back(std::move(*mount));
    }
    add_text(resource, "runtime", flags.runtime);
    if (const auto added = add_gpus(resource, flags.gpus); !added) return added.error();
    if (flags.writable_root) resource["read_only"] = false;
    if (!flags.capabilities.empty()) resource["capabilities"] = flags.capabilities;
    auto limits = limits_from(flags);
    if (!limits) return limits.error();
    if (!limits->empty()) resource["limits"] = std::move(*limits);
    auto scale = scale_from(flags);
    if (!scale) return scale.error();
    if (!scale->empty()) resource["scale"] = std::move(*scale);
    return resource;
}

}  // namespace shallop::cli
