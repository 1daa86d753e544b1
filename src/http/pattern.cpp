// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/router.h>

#include <http/pattern.h>
#include <shallop/http/authority.h>

#include <algorithm>

namespace shallop::http {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_name(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !text.empty() && letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

Error invalid(std::string detail) { return {Fault::invalid, std::move(detail)}; }

Result<Pattern::Segment> parse_segment(std::string_view text) {
    if (text.find_first_of("{}*") == text.npos) {
        auto literal = decode_path(text);
        if (!literal) return literal.error();
        if (is_dots(*literal)) return invalid("the segments \".\" and \"..\" match nothing");
        return Pattern::Segment{false, std::move(*literal)};
    }
    if (text.find('*') != text.npos) return invalid("\"*\" stands alone, as the last segment");
    const auto inner = text.size() > 2 ? text.substr(1, text.size() - 2) : std::string_view();
    if (!text.starts_with('{') || !text.ends_with('}') || !is_name(inner)) {
        return invalid(
            "a parameter is a whole segment \"{name}\", its name made of letters, digits and \"_\"; \"{name...}\" ends "
            "a pattern");
    }
    return Pattern::Segment{true, std::string(inner)};
}

/// "*" or "{name...}" as the last segment.
bool take_rest(std::string_view last, Pattern& pattern) {
    if (last == "*") {
        pattern.prefix = true;
    } else if (last.starts_with('{') && last.ends_with("...}") && is_name(last.substr(1, last.size() - 5))) {
        pattern.prefix = true;
        pattern.rest_name = last.substr(1, last.size() - 5);
    }
    return pattern.prefix;
}

Status check_names(const Pattern& pattern) {
    std::vector<std::string_view> names;
    if (!pattern.rest_name.empty()) names.push_back(pattern.rest_name);
    for (const auto& segment : pattern.segments) {
        if (!segment.parameter) continue;
        if (std::find(names.begin(), names.end(), segment.text) != names.end()) {
            return invalid("the parameter \"" + segment.text + "\" stands twice");
        }
        names.push_back(segment.text);
    }
    return {};
}

}  // namespace

Result<Pattern> parse_pattern(std::string_view text) {
    if (!text.starts_with('/')) return invalid("a path pattern begins with \"/\"");
    if (text.size() > Pattern::longest)
        return invalid("a path pattern has at most " + std::to_string(Pattern::longest) + " bytes");
    const bool clean =
        std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '?' && c != '#'; });
    if (!clean) return invalid("a path pattern has no space, \"?\", \"#\" or byte beyond ASCII: percent-encode them");

    Pattern pattern;
    std::string_view left = text.substr(1);
    while (true) {
        const auto slash = left.find('/');
        const bool last = slash == left.npos;
        const auto segment = left.substr(0, slash);
        if (last && take_rest(segment, pattern)) break;
        if (segment.empty() && !last) return invalid("a path pattern has no empty segment (\"//\")");
        auto parsed = parse_segment(segment);
        if (!parsed) return parsed.error();
        pattern.segments.push_back(std::move(*parsed));
        if (last) break;
        left.remove_prefix(slash + 1);
    }
    if (pattern.segments.size() > Pattern::most_segments) {
        return invalid("a path pattern has at most " + std::to_string(Pattern::most_segments) + " segments");
    }
    const auto named = check_names(pattern);
    if (!named) return named.error();
    return pattern;
}

Status check_pattern(std::string_view pattern) {
    const auto parsed = parse_pattern(pattern);
    if (!parsed) return parsed.error();
    return {};
}

Result<std::string> parse_host_pattern(std::string_view text) {
    if (text.empty()) return std::string();
    const bool wildcard = text.starts_with("*.");
    auto authority = parse_authority(wildcard ? text.substr(2) : text);
    if (!authority || text.ends_with(':') || authority->port || (wildcard && authority->host.starts_with('['))) {
        return invalid("a route's host is a name, \"*.\" and a name, or an address, without port");
    }
    return (wildcard ? "*." : "") + authority->host;
}

Result<std::string> decode_path(std::string_view raw) {
    std::string decoded;
    decoded.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '%') {
            decoded.push_back(raw[i]);
            continue;
        }
        const int high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
        const int low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : -1;
        if (high < 0 || low < 0) return invalid("The path has a \"%\" that is not followed by two hexadecimal digits.");
        const int byte = high * 16 + low;
        if (byte == 0) return invalid("The path has an encoded NUL (%00).");
        if (byte == '/')
            return invalid("The path has an encoded slash (%2F), which different programs read differently.");
        decoded.push_back(static_cast<char>(byte));
        i += 2;
    }
    return decoded;
}

Status check_path(std::string_view path) {
    if (!path.starts_with('/')) return invalid("The path does not begin with a slash.");
    if (path.find('\0') != path.npos) return invalid("The path has a NUL.");
    // Almost every path: nothing encoded, no segment that begins with a dot.
    if (path.find('%') == path.npos && path.find("/.") == path.npos) return {};
    const auto decoded = decode_path(path);
    if (!decoded) return decoded.error();
    std::string_view left(*decoded);
    while (!left.empty()) {
        left.remove_prefix(1);
        const auto slash = std::min(left.find('/'), left.size());
        if (is_dots(left.substr(0, slash))) return invalid("The path has a segment \".\" or \"..\".");
        left.remove_prefix(slash);
    }
    return {};
}

}  // namespace shallop::http
