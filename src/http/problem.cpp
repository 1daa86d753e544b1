// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/encoding.h>
#include <shallop/http/problem.h>

#include <algorithm>
#include <cstdio>

namespace shallop::http {
namespace {

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
        const auto size = base::utf8_length(text);
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
