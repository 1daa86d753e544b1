// SPDX-License-Identifier: Apache-2.0
#include "api/guard.h"

#include <shallop/base/fields.h>
#include <shallop/http/authority.h>
#include <shallop/http/syntax.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace shallop::api {
namespace {

std::string_view value_of(const http::Request& request, std::string_view name) {
    const auto* value = base::find_field(request.fields, name);
    return value ? std::string_view(*value) : std::string_view();
}

/// An address cannot be rebound: only names can.
bool is_address(const std::string& host) {
    std::array<unsigned char, 16> bytes{};
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), bytes.data()) == 1;
    }
    return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1;
}

bool host_allowed(const std::string& host, const std::vector<std::string>& hosts, bool neighbours) {
    if (host.empty() || host == "localhost" || is_address(host)) return true;
    if (neighbours && host.find('.') == host.npos) return true;
    return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

/// Whether an Origin field (RFC 6454) is that of the place that was asked: over https always, for a proxy may have taken the TLS off, and over http
/// where we are asked so. "null", which a sandboxed page sends, is nobody's.
bool is_own_origin(std::string_view origin, std::string_view host, bool asked_over_tls) {
    const bool tls = origin.starts_with("https://");
    if (!tls && (asked_over_tls || !origin.starts_with("http://"))) return false;
    const unsigned usual_port = tls ? 443 : 80;
    const auto from = http::parse_authority(origin.substr(tls ? 8 : 7));
    const auto asked = http::parse_authority(host);
    return from && asked && from->host == asked->host &&
           from->port.value_or(usual_port) == asked->port.value_or(usual_port);
}

std::size_t count_of(const http::Request& request, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(request.fields.begin(), request.fields.end(), [&](const auto& field) {
        return base::same_name(field.name, name);
    }));
}

/// What the request shows as its token; "" for none, or for one in another way.
std::string_view token_of(const http::Request& request) {
    constexpr std::string_view scheme = "Bearer ";
    const auto field = value_of(request, "Authorization");
    const bool bearer = field.size() > scheme.size() && base::same_name(field.substr(0, scheme.size()), scheme);
    return bearer && count_of(request, "Authorization") == 1 ? http::trim(field.substr(scheme.size()))
                                                             : std::string_view();
}

Problem no_token() {
    return http_problem(
        401,
        "this call needs a token as 'Authorization: Bearer TOKEN'; the daemon keeps its first one in the "
        "file admin-token of its data directory");
}

Problem wrong_token(bool expired) {
    auto problem = http_problem(
        401, expired ? "this token has expired; an administrator can rotate it: shallop tokens rotate NAME"
                     : "the Authorization field does not carry a token of this daemon, or one that was rotated or "
                       "removed; compare it with the file admin-token of the data directory");
    problem.challenge = "error=\"invalid_token\"";
    return problem;
}

Problem too_many_failures(async::Duration wait) {
    auto problem = http_problem(429, "too many wrong tokens came from this address; a right one is let in at any time");
    problem.retry_after = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(wait).count());
    return problem;
}

/// RFC 6750 3.1.
Problem too_small(const access::Caller& caller, access::Scope needed) {
    const std::string wanted(access::name(needed));
    auto problem = http_problem(403, "this call needs a token of scope '" + wanted + "', and '" + caller.name +
                                         "' has scope '" + std::string(access::name(caller.scope)) + "'");
    problem.fault = "insufficient_scope";
    problem.challenge = "error=\"insufficient_scope\", scope=\"" + wanted + "\"";
    return problem;
}

bool has_body(const http::Request& request) { return request.chunked || request.content_length.value_or(0) > 0; }

Problem forbidden(std::string detail) { return http_problem(403, std::move(detail)); }

}  // namespace

std::optional<Problem> check_token(const http::Request& request, access::Scope needed, access::Tokens& tokens,
                                   access::Failures& failures, access::Caller& caller) {
    if (tokens.open()) {
        caller = {"anyone", access::Scope::admin};
        return std::nullopt;
    }
    const auto secret = token_of(request);
    if (secret.empty()) return no_token();
    auto checked = tokens.check(secret);
    if (!checked.caller) {
        const auto wait = failures.note(request.remote_addr);
        return wait > async::Duration::zero() ? too_many_failures(wait) : wrong_token(checked.expired);
    }
    caller = std::move(*checked.caller);
    if (!covers(caller.scope, needed)) return too_small(caller, needed);
    return std::nullopt;
}

std::vector<std::string> host_names(const std::vector<std::string>& hosts) {
    std::vector<std::string> names;
    for (const auto& host : hosts) {
        if (auto parsed = http::parse_authority(host)) names.push_back(std::move(parsed->host));
    }
    return names;
}

std::optional<Problem> check_origin(const http::Request& request, const std::vector<std::string>& hosts,
                                    bool neighbours) {
    if (!host_allowed(request.host, hosts, neighbours)) {
        return forbidden(
            "the Host of this request is not a name of the admin listener; use its address, or allow the name with "
            "--admin-host");
    }
    for (const auto& [name, value] : request.fields) {
        if (base::same_name(name, "Sec-Fetch-Site") && value != "none" && value != "same-origin")
            return forbidden("the admin API takes no requests from pages of other sites");
        if (base::same_name(name, "Origin") && !is_own_origin(value, value_of(request, "Host"), request.tls))
            return forbidden("the admin API takes no requests from pages of other origins");
    }
    return std::nullopt;
}

std::optional<Problem> check_content_type(const http::Request& request, std::string_view types, bool needed) {
    if (!needed && !has_body(request)) return std::nullopt;
    const auto field = value_of(request, "Content-Type");
    const auto given = http::trim(field.substr(0, field.find(';')));
    for (auto rest = types; !given.empty() && !rest.empty();) {
        const auto end = std::min(rest.find(' '), rest.size());
        if (base::same_name(given, rest.substr(0, end))) return std::nullopt;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return http_problem(
        415, "the body must be sent with 'Content-Type: " + std::string(types.substr(0, types.find(' '))) + "'");
}

bool names_tag(std::string_view field, std::string_view tag) {
    if (http::trim(field) == "*") return true;
    while (!field.empty()) {
        const auto end = std::min(field.find(','), field.size());
        auto one = http::trim(field.substr(0, end));
        field.remove_prefix(std::min(end + 1, field.size()));
        if (one.starts_with("W/")) one.remove_prefix(2);
        if (one.size() == tag.size() + 2 && one.front() == '"' && one.back() == '"' &&
            one.substr(1, tag.size()) == tag) {
            return true;
        }
    }
    return false;
}

}  // namespace shallop::api
