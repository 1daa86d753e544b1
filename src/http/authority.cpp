// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/syntax.h>

#include <shallop/http/authority.h>

#include <arpa/inet.h>
#include <algorithm>
#include <charconv>

namespace shallop::http {
namespace {

constexpr std::size_t longest_name = 255;

bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_name(std::string_view host) {
    return !host.empty() && host.size() <= longest_name && host.front() != '.' && host.back() != '.' &&
           host.find("..") == host.npos && std::all_of(host.begin(), host.end(), is_name_byte);
}

bool is_ipv6(std::string_view bracketed) {
    if (bracketed.size() < 4 || bracketed.size() > 48 || bracketed.back() != ']') return false;
    in6_addr address{};
    return inet_pton(AF_INET6, std::string(bracketed.substr(1, bracketed.size() - 2)).c_str(), &address) == 1;
}

bool parse_port(std::string_view digits, std::optional<unsigned>& port) {
    if (digits.empty()) return true;  // "host:" is "host" (RFC 3986 3.2.3)
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.size() > 5 || value > 65535)
        return false;
    port = value;
    return true;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
    const bool bracketed = text.starts_with('[');
    const auto closing = bracketed ? text.find(']') : 0;
    if (closing == text.npos) return std::nullopt;
    const auto colon = std::min(text.find(':', closing), text.size());

    Authority authority{lower(text.substr(0, colon)), {}};
    if (colon < text.size() && !parse_port(text.substr(colon + 1), authority.port)) return std::nullopt;
    if (bracketed) return is_ipv6(authority.host) ? std::optional(std::move(authority)) : std::nullopt;
    if (authority.host.ends_with('.')) authority.host.pop_back();
    return is_name(authority.host) ? std::optional(std::move(authority)) : std::nullopt;
}

}  // namespace shallop::http
