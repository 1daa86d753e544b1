// SPDX-License-Identifier: Apache-2.0
#include "registry/preconditions.h"

#include <string_view>
#include <vector>

namespace shallop::registry {
namespace {

using base::Error;
using base::Fault;

struct Tag {
    std::string_view opaque;
    bool weak = false;
};

void skip_blanks(std::string_view& text) {
    const auto at = text.find_first_not_of(" \t");
    text.remove_prefix(at == std::string_view::npos ? text.size() : at);
}

/// entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE (RFC 9110 section 8.8.3)
bool take_tag(std::string_view& text, Tag& tag) {
    tag.weak = text.starts_with("W/");
    if (tag.weak) text.remove_prefix(2);
    if (!text.starts_with('"')) return false;
    const auto end = text.find('"', 1);
    if (end == std::string_view::npos) return false;
    tag.opaque = text.substr(1, end - 1);
    for (const char c : tag.opaque) {
        if (c <= ' ' || c == 0x7f) return false;
    }
    text.remove_prefix(end + 1);
    return true;
}

/// A list of entity tags; empty elements are skipped as section 5.6.1 asks of a recipient.
bool read_tags(std::string_view text, std::vector<Tag>& tags) {
    while (true) {
        skip_blanks(text);
        if (text.empty()) return !tags.empty();
        if (text.front() != ',') {
            Tag tag;
            if (!take_tag(text, tag)) return false;
            tags.push_back(tag);
            skip_blanks(text);
            if (!text.empty() && text.front() != ',') return false;
        }
        if (!text.empty()) text.remove_prefix(1);
    }
}

enum class Comparison { strong, weak };

/// Whether the field names what is there now. Faults: invalid.
Result<bool> names_current(std::string_view field, std::string_view header, const std::optional<std::string>& current,
                           Comparison comparison) {
    auto text = field;
    skip_blanks(text);
    if (text.substr(0, text.find_last_not_of(" \t") + 1) == "*") return current.has_value();
    std::vector<Tag> tags;
    if (!read_tags(text, tags)) {
        return Error(Fault::invalid, std::string(header) +
                                         " is neither * nor a list of entity tags: write it like \"0123456789abcdef\", "
                                         "with its quotes");
    }
    for (const auto& tag : tags) {
        // Ours are strong, so that the strong comparison only rules out the weak ones of the field.
        if (current && tag.opaque == *current && (comparison == Comparison::weak || !tag.weak)) return true;
    }
    return false;
}

}  // namespace

Status check_preconditions(const Precondition& precondition, const std::optional<std::string>& current) {
    if (precondition.if_match) {
        const auto named = names_current(*precondition.if_match, "If-Match", current, Comparison::strong);
        if (!named) return named.error();
        if (!*named) {
            const auto* const why = current
                                        ? "the function was changed since: get it again and repeat the change on that"
                                        : "there is no such function (any more): leave If-Match out to create it";
            return Error(Fault::conflict, why, precondition_failed);
        }
    }
    if (precondition.if_none_match) {
        const auto named = names_current(*precondition.if_none_match, "If-None-Match", current, Comparison::weak);
        if (!named) return named.error();
        if (*named) {
            return Error(Fault::conflict, "the function is there already: leave If-None-Match out to change it",
                         precondition_failed);
        }
    }
    return {};
}

}  // namespace shallop::registry
