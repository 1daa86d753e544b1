// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>
#include <shallop/http/syntax.h>

#include <algorithm>
#include <array>

namespace shallop::http {
namespace {

constexpr std::array<bool, 256> token_table() {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
    return table;
}

constexpr auto token_bytes = token_table();

}  // namespace

bool is_token(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return token_bytes[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7F) || byte == '\t';
    });
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(std::string_view text) {
    std::string small(text);
    for (char& c : small) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    return small;
}

bool list_has(std::string_view list, std::string_view token) {
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        if (base::same_name(trim(list.substr(0, comma)), token)) return true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

bool is_hop_by_hop(std::string_view name) {
    static constexpr std::array<std::string_view, 9> names{"connection", "keep-alive",     "proxy-connection",
                                                           "te",         "trailer",        "transfer-encoding",
                                                           "upgrade",    "content-length", "http2-settings"};
    return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return base::same_name(n, name); });
}

FieldLine parse_field_line(std::string_view text, std::string& why) {
    if (text.starts_with(' ') || text.starts_with('\t')) {
        why = "A field is folded over two lines.";
        return {};
    }
    const auto colon = text.find(':');
    if (colon == text.npos) {
        why = "A line of the head has no colon.";
        return {};
    }
    const auto name = text.substr(0, colon);
    if (!is_token(name)) {
        why = "A field name is empty, or has a character that none may have (such as a space before the colon).";
        return {};
    }
    return {name, trim(text.substr(colon + 1))};
}

}  // namespace shallop::http
