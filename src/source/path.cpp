// SPDX-License-Identifier: Apache-2.0
#include "source/path.h"

#include <algorithm>

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

constexpr std::size_t longest_name = 255;  // what Linux's file systems have in common
constexpr std::size_t longest_shown = 100;

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

/// The bytes of the character that `text` begins with, as RFC 3629 has it; 0 if that is none. C1 controls are none of ours.
std::size_t character(std::string_view text) {
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
    const auto follows = [&](std::size_t from, std::size_t to) {
        for (; from <= to; ++from) {
            if ((byte(from) & 0xC0U) != 0x80U) return false;
        }
        return true;
    };
    const auto lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead == 0xC2) return follows(1, 1) && byte(1) >= 0xA0 ? 2 : 0;
    if (lead > 0xC2 && lead <= 0xDF) return follows(1, 1) ? 2 : 0;
    if ((lead & 0xF0U) == 0xE0) {
        const bool longer_than_needed = lead == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
        return follows(1, 2) && !longer_than_needed && !surrogate ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool out_of_range = (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) >= 0x90);
        return follows(1, 3) && !out_of_range ? 4 : 0;
    }
    return 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto size = character(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

Error refused(std::string_view path, const std::string& why) { return {Fault::invalid, shown(path) + " " + why}; }

}  // namespace

std::string shown(std::string_view text) {
    std::string safe = "'";
    while (!text.empty()) {
        const auto size = character(text);
        if (safe.size() + size > longest_shown + 1) return safe + "…'";
        if (size == 0 || is_control(text.front()))
            safe += '?';
        else
            safe += text.substr(0, size);
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return safe + "'";
}

Result<std::string> normal_path(std::string_view path, const Limits& limits) {
    if (path.empty()) return Error(Fault::invalid, "an entry has no name");
    if (path.size() > limits.path)
        return Error(Fault::too_large, shown(path) + " is longer than " + std::to_string(limits.path) + " bytes");
    if (path.front() == '/') return refused(path, "is an absolute path: give paths relative to the code's directory");
    if (!is_utf8(path)) return refused(path, "is no name in UTF-8: give it another one");
    std::string normal;
    std::size_t depth = 0;
    for (std::size_t from = 0; from <= path.size();) {
        const auto end = std::min(path.find('/', from), path.size());
        const auto part = path.substr(from, end - from);
        from = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == "..") return refused(path, "leads out of the code's directory: take \"..\" out of it");
        if (std::any_of(part.begin(), part.end(), [](char c) { return is_control(c) || c == '\\'; }))
            return refused(path, "has a control character or a backslash in its name: give it another one");
        if (part.size() > longest_name)
            return Error(Fault::too_large, shown(path) + " has a name longer than 255 bytes");
        if (++depth > limits.depth)
            return Error(Fault::too_large,
                         shown(path) + " is more than " + std::to_string(limits.depth) + " directories deep");
        normal.append(normal.empty() ? "" : "/").append(part);
    }
    return normal;
}

}  // namespace shallop::source
