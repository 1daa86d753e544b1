// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shallop::http {

/// `uri-host [":" port]` of RFC 9110 4.2, as a Host field or an absolute request target has it.
struct Authority {
    std::string host;  ///< small letters, one trailing dot removed; an IPv6 address keeps its brackets
    std::optional<unsigned> port;

    bool operator==(const Authority&) const = default;
};

/// Stricter than the grammar: a host is a DNS name (letters, digits, "-", "_", no empty label), an IPv4 address or an
/// IPv6 address in brackets. No user info, no percent-encoding, no zone. nullopt for anything else, also for "".
std::optional<Authority> parse_authority(std::string_view text);

}  // namespace shallop::http
