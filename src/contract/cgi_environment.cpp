// SPDX-License-Identifier: Apache-2.0
#include "contract/cgi_environment.h"

#include <shallop/function/resource.h>

#include "contract/field_rules.h"
#include "contract/script_path.h"

#include <shallop/contract/faults.h>

#include <algorithm>
#include <string_view>

namespace shallop::contract {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using function::Event;
using function::Function;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool has_dot_segment(std::string_view path) {
    while (!path.empty()) {
        const auto slash = path.find('/');
        const auto segment = path.substr(0, slash);
        if (segment == "." || segment == "..") return true;
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    return false;
}

/// Decodes %XX. An encoded slash or NUL would mean something else to the program than it meant to the router.
Result<std::string> decode(std::string_view raw) {
    std::string path;
    path.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '%') {
            path += raw[i];
            continue;
        }
        const int high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
        const int low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : -1;
        if (high < 0 || low < 0) return Error(Fault::invalid, "the path has a '%' without two hexadecimal digits");
        const char c = static_cast<char>(high * 16 + low);
        if (c == '/' || c == 0) return Error(Fault::invalid, "the path has an encoded slash or NUL");
        path += c;
        i += 2;
    }
    if (has_dot_segment(path)) return Error(Fault::invalid, "the path has dot segments");
    return path;
}

/// A variable's name: letters in upper case, digits, and '_' for all else.
std::string variable(std::string_view prefix, std::string_view name) {
    std::string result(prefix);
    for (const char c : name) {
        const bool small = c >= 'a' && c <= 'z';
        const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        result += small ? static_cast<char>(c - ('a' - 'A')) : kept ? c : '_';
    }
    return result;
}

class Environment {
public:
    void set(std::string_view name, std::string_view value) {
        std::string entry;
        entry.reserve(name.size() + value.size() + 1);
        entry.append(name).append("=").append(value);
        entries_.push_back(std::move(entry));
    }

    /// A container that was made before its function was known has nothing of this in its own environment.
    void set_source(const function::Spec& spec) {
        for (const auto& [name, value] : spec.env) set(name, value);
        set("SHALLOP_CODE", function::code_directory);
        set("SHALLOP_ENTRY", spec.source->entry);
        if (!spec.source->handler.empty()) set("SHALLOP_HANDLER", spec.source->handler);
    }

    void set_server(const Event& event) {
        set("GATEWAY_INTERFACE", "CGI/1.1");
        set("SERVER_SOFTWARE", "Shallop/" SHALLOP_VERSION);
        set("SERVER_PROTOCOL", event.protocol);
        set("SERVER_NAME", event.server_name.empty() ? "localhost" : event.server_name);
        set("SERVER_PORT", std::to_string(event.server_port));
        set("REQUEST_SCHEME", event.scheme);
        if (event.scheme == "https") set("HTTPS", "on");
    }

    void set_request(const Event& event, const EnvironmentFacts& facts) {
        set("REQUEST_METHOD", event.method);
        set("REQUEST_URI", event.target);
        set("QUERY_STRING", event.query);
        set("REMOTE_ADDR", event.remote_addr);
        set("REMOTE_HOST", event.remote_addr);
        set("REMOTE_PORT", std::to_string(event.remote_port));
        set("REDIRECT_STATUS", "200");  // php-cgi runs nothing without it
        if (facts.content_length) set("CONTENT_LENGTH", std::to_string(*facts.content_length));
        if (const auto* type = base::find_field(event.fields, "Content-Type")) set("CONTENT_TYPE", *type);
    }

    /// A file below the root runs the request (find_script). Faults: invalid.
    base::Status set_script(const Function& function, const Event& event) {
        const auto prefix = decode(event.script_name);
        if (!prefix) return prefix.error();
        const auto rest = decode(event.path_info);
        if (!rest) return rest.error();
        const auto& contract = function.spec.contract;
        std::string_view root = contract.root;
        if (root.ends_with('/')) root.remove_suffix(1);
        const auto found = find_script(event.by_name ? *rest : *prefix + *rest, contract.index);
        set("SCRIPT_NAME", event.by_name ? *prefix + found.script : found.script);
        set("SCRIPT_FILENAME", std::string(root) + found.script);
        set("DOCUMENT_ROOT", contract.root);
        if (found.path_info.empty()) return {};
        set("PATH_INFO", found.path_info);
        set("PATH_TRANSLATED", std::string(root) + found.path_info);
        return {};
    }

    /// Faults: invalid.
    base::Status set_paths(const Function& function, const Event& event) {
        const auto script_name = decode(event.script_name);
        if (!script_name) return script_name.error();
        const auto path_info = decode(event.path_info);
        if (!path_info) return path_info.error();
        set("SCRIPT_NAME", *script_name);
        if (!path_info->empty()) set("PATH_INFO", *path_info);

        const auto& contract = function.spec.contract;
        std::string_view root = contract.document_root;
        if (root.ends_with('/')) root.remove_suffix(1);
        const std::string translated = std::string(root) + *path_info;
        const bool has_root = !contract.document_root.empty();
        if (has_root) set("DOCUMENT_ROOT", contract.document_root);
        if (has_root && !path_info->empty()) set("PATH_TRANSLATED", translated);
        if (!contract.script.empty()) {
            set("SCRIPT_FILENAME", contract.script);
        } else if (has_root) {
            set("SCRIPT_FILENAME", translated);
        }
        return {};
    }

    /// One variable a field name; repeats are joined as RFC 9110 5.2 (and for Cookie RFC 6265 5.4) has it.
    void set_fields(const Event& event, bool pass_authorization) {
        const auto named = connection_options(event.fields);
        std::vector<std::pair<std::string, std::string>> variables;
        for (const auto& field : event.fields) {
            if (!exported(field.name, pass_authorization) || contains_name(named, field.name)) continue;
            auto name = variable("HTTP_", field.name);
            const auto same =
                std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.first == name; });
            if (same == variables.end()) {
                variables.emplace_back(std::move(name), field.value);
            } else {
                same->second.append(base::same_name(field.name, "Cookie") ? "; " : ", ").append(field.value);
            }
        }
        for (const auto& [name, value] : variables) set(name, value);
    }

    void set_own(const Event& event, const EnvironmentFacts& facts) {
        const auto deadline_ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(facts.deadline.time_since_epoch());
        set("SHALLOP_INVOCATION_ID", event.id);
        set("SHALLOP_FUNCTION", event.function);
        set("SHALLOP_DEADLINE_MS", std::to_string(deadline_ms.count()));
        for (const auto& [name, value] : event.parameters) set(variable("SHALLOP_PARAM_", name), value);
        if (event.attempt > 0) set("SHALLOP_ATTEMPT", std::to_string(event.attempt));
        for (const auto& [name, value] : event.variables) set(name, value);
    }

    Result<std::vector<std::string>> take() {
        std::size_t size = 0;
        for (const auto& entry : entries_) {
            if (entry.find('\0') != std::string::npos)
                return Error(Fault::invalid, "the request has a NUL in its head");
            size += entry.size() + 1;
        }
        if (size > environment_limit) {
            return Error(Fault::too_large, "the request's head does not fit into the environment of a program",
                         head_too_large);
        }
        return std::move(entries_);
    }

private:
    static bool exported(std::string_view name, bool pass_authorization) {
        const bool plain =
            std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
        if (!plain || name.empty() || is_hop_by_hop(name) || is_platform_field(name)) return false;
        const auto is = [&](const char* other) { return base::same_name(name, other); };
        if (is("Authorization") || is("Proxy-Authorization")) return pass_authorization;
        return !is("Proxy") && !is("Content-Length") && !is("Content-Type");
    }

    std::vector<std::string> entries_;
};

}  // namespace

Result<std::vector<std::string>> cgi_environment(const Function& function, const Event& event,
                                                 const EnvironmentFacts& facts) {
    Environment environment;
    if (function.spec.source) environment.set_source(function.spec);
    environment.set_server(event);
    environment.set_request(event, facts);
    const bool fcgi = function.spec.contract.kind == function::ContractKind::fcgi;
    const auto paths = fcgi ? environment.set_script(function, event) : environment.set_paths(function, event);
    if (!paths) return paths.error();
    environment.set_fields(event, function.spec.contract.pass_authorization);
    environment.set_own(event, facts);
    return environment.take();
}

}  // namespace shallop::contract
