// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>
#include <shallop/http/syntax.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

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
    bool all = !text.empty();
    for (const char c : text) all &= token_bytes[static_cast<unsigned char>(c)];
    return all;
}

std::size_t text_run(std::string_view text) {
    std::size_t at = 0;
    while (true) {
        // Eight bytes at a time: does any lie below 0x20, or is it 0x7F?
        for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
            std::uint64_t eight = 0;
            std::memcpy(&eight, text.data() + at, sizeof eight);
            constexpr std::uint64_t ones = 0x0101010101010101, tops = ones * 0x80;
            const auto below = (eight - ones * 0x20) & ~eight;
            const auto del = eight ^ (ones * 0x7F);
            if (((below | ((del - ones) & ~del)) & tops) != 0) break;
        }
        const auto end = std::min(text.size(), at + sizeof(std::uint64_t));
        for (; at < end; ++at) {
            const auto byte = static_cast<unsigned char>(text[at]);
            if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return at;
        }
        if (at == text.size()) return at;
    }
}

bool is_field_value(std::string_view text) { return text_run(text) == text.size(); }

std::string_view trim(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
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
    const auto is = [&](std::string_view known) { return base::same_name(known, name); };
    switch (name.size()) {
        case 2:
            return is("te");
        case 7:
            return is("trailer") || is("upgrade");
        case 10:
            return is("connection") || is("keep-alive");
        case 14:
            return is("content-length") || is("http2-settings");
        case 16:
            return is("proxy-connection");
        case 17:
            return is("transfer-encoding");
        default:
            return false;
    }
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
