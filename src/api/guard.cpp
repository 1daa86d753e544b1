// SPDX-License-Identifier: Apache-2.0
#include "api/guard.h"

#include <shallop/base/fields.h>

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace shallop::api {
namespace {

std::array<unsigned char, SHA256_DIGEST_LENGTH> digest(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum.data());
    return sum;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

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

/// A name with a dot can be a stranger's; one without cannot be registered by anyone, and is "localhost" or a neighbour's.
bool host_allowed(const std::string& host, const std::vector<std::string>& hosts) {
    if (host.find('.') == std::string::npos || is_address(host)) return true;
    return std::any_of(hosts.begin(), hosts.end(), [&](const auto& allowed) { return base::same_name(allowed, host); });
}

/// A page of this host: over https always, and over http where we are asked so. A proxy may have taken the TLS off.
bool own_origin(std::string_view origin, std::string_view host, bool tls) {
    constexpr std::string_view plain = "http://", secure = "https://";
    if (origin.starts_with(secure)) return base::same_name(origin.substr(secure.size()), host);
    return !tls && origin.starts_with(plain) && base::same_name(origin.substr(plain.size()), host);
}

bool has_body(const http::Request& request) { return request.chunked || request.content_length.value_or(0) > 0; }

Problem forbidden(std::string detail) { return http_problem(403, std::move(detail)); }

}  // namespace

bool same_secret(std::string_view given, std::string_view expected) {
    const auto one = digest(given);
    const auto other = digest(expected);
    return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

std::optional<Problem> check_token(const http::Request& request, const std::string& token) {
    if (token.empty()) return std::nullopt;
    constexpr std::string_view scheme = "Bearer ";
    const auto field = value_of(request, "Authorization");
    if (field.empty()) {
        return http_problem(401,
                            "this call needs the admin token as 'Authorization: Bearer TOKEN'; the daemon keeps it in "
                            "the file admin-token of its data directory");
    }
    const bool bearer = field.size() > scheme.size() && base::same_name(field.substr(0, scheme.size()), scheme);
    if (bearer && same_secret(trimmed(field.substr(scheme.size())), token)) return std::nullopt;
    return http_problem(401,
                        "the Authorization field does not carry this daemon's admin token; compare it with the file "
                        "admin-token of its data directory");
}

std::optional<Problem> check_origin(const http::Request& request, const std::vector<std::string>& hosts) {
    if (!host_allowed(request.host, hosts)) {
        return forbidden(
            "the Host of this request is not a name of the admin listener; use its address, or allow the name with "
            "--admin-host");
    }
    const auto site = value_of(request, "Sec-Fetch-Site");
    if (!site.empty() && site != "none" && site != "same-origin") {
        return forbidden("the admin API takes no requests from pages of other sites");
    }
    const auto origin = value_of(request, "Origin");
    const auto host = value_of(request, "Host");
    if (!origin.empty() && !own_origin(origin, host, request.tls))
        return forbidden("the admin API takes no requests from pages of other origins");
    return std::nullopt;
}

std::optional<Problem> check_content_type(const http::Request& request, std::string_view types, bool needed) {
    if (!needed && !has_body(request)) return std::nullopt;
    const auto field = value_of(request, "Content-Type");
    const auto given = trimmed(field.substr(0, field.find(';')));
    for (auto rest = types; !given.empty() && !rest.empty();) {
        const auto end = std::min(rest.find(' '), rest.size());
        if (base::same_name(given, rest.substr(0, end))) return std::nullopt;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return http_problem(
        415, "the body must be sent with 'Content-Type: " + std::string(types.substr(0, types.find(' '))) + "'");
}

bool names_tag(std::string_view field, std::string_view tag) {
    if (trimmed(field) == "*") return true;
    while (!field.empty()) {
        const auto end = std::min(field.find(','), field.size());
        auto one = trimmed(field.substr(0, end));
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
