// SPDX-License-Identifier: Apache-2.0
#include "contract/field_rules.h"

#include <algorithm>
#include <array>

namespace shallop::contract {
namespace {

constexpr std::array<std::string_view, 8> hop_by_hop = {"Connection",        "Keep-Alive", "Proxy-Authenticate",
                                                        "Proxy-Connection",  "TE",         "Trailer",
                                                        "Transfer-Encoding", "Upgrade"};

constexpr std::string_view platform_prefix = "X-Shallop-";

}  // namespace

bool is_token_char(char c) {
    return is_letter(c) || is_digit(c) ||
           (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

std::string_view trim(std::string_view value) {
    const auto first = value.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

bool is_hop_by_hop(std::string_view name) {
    return std::any_of(hop_by_hop.begin(), hop_by_hop.end(), [&](auto other) { return base::same_name(name, other); });
}

bool is_platform_field(std::string_view name) {
    return base::same_name(name.substr(0, platform_prefix.size()), platform_prefix);
}

std::vector<std::string_view> connection_options(const base::Fields& fields) {
    std::vector<std::string_view> names;
    for (const auto& field : fields) {
        if (!base::same_name(field.name, "Connection")) continue;
        std::string_view rest = field.value;
        while (!rest.empty()) {
            const auto comma = rest.find(',');
            if (const auto option = trim(rest.substr(0, comma)); !option.empty()) names.push_back(option);
            rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        }
    }
    return names;
}

bool contains_name(const std::vector<std::string_view>& names, std::string_view name) {
    return std::any_of(names.begin(), names.end(), [&](auto other) { return base::same_name(name, other); });
}

}  // namespace shallop::contract
