// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/problem.h>

#include <algorithm>
#include <cstdio>

namespace shallop::http {
namespace {

/// Bytes of the UTF-8 sequence at the front of `text`; 0 if there is no valid one (RFC 3629: no overlong form, no
/// surrogate).
std::size_t sequence_size(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
    if (size > text.size()) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const bool wrong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
                       (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
    return wrong ? 0 : size;
}

void append_member(std::string& json, std::string_view name, std::string_view value) {
    json += json.size() > 1 ? "," : "";
    append_json_string(json, name);
    json += ':';
    append_json_string(json, value);
}

/// The word for programs, where the one who refuses gives none.
std::string_view fault_for(int status) {
    switch (status) {
        case 408:
            return "timed_out";
        case 413:
        case 414:
        case 431:
            return "too_large";
        case 501:
        case 505:
            return "not_implemented";
        case 503:
            return "overloaded";
        default:
            return status < 500 ? "invalid" : "internal";
    }
}

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
    json += '"';
    while (!text.empty()) {
        const auto size = sequence_size(text);
        const char first = text.front();
        if (size == 0) {
            json += "\xEF\xBF\xBD";
        } else if (first == '"' || first == '\\') {
            json += '\\';
            json += first;
        } else if (static_cast<unsigned char>(first) < 0x20 || first == 0x7F) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(first));
            json += escape;
        } else {
            json += text.substr(0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    json += '"';
}

Response problem(const Problem& what, std::string& body) {
    body = "{";
    append_member(body, "type", what.type);
    append_member(body, "title", what.title.empty() ? reason_phrase(what.status) : std::string_view(what.title));
    body += ",\"status\":" + std::to_string(what.status);
    if (!what.detail.empty()) append_member(body, "detail", what.detail);
    const auto is_fault = [](const auto& member) { return member.first == "fault"; };
    if (std::none_of(what.members.begin(), what.members.end(), is_fault)) {
        append_member(body, "fault", fault_for(what.status));
    }
    for (const auto& [name, value] : what.members) append_member(body, name, value);
    body += "}\n";

    Response head;
    head.status = what.status;
    head.fields.push_back({"Content-Type", "application/problem+json"});
    head.content_length = body.size();
    return head;
}

}  // namespace shallop::http
