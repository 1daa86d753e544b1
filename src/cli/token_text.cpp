// SPDX-License-Identifier: Apache-2.0
#include "cli/token_text.h"

#include <vector>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& object, const char* member) {
    const auto at = object.find(member);
    if (at == object.end() || at->is_null()) return "-";
    return printable(at->is_string() ? at->get<std::string>() : at->dump());
}

std::string end_of(const Json& token) {
    if (token.value("expired", false)) return "expired";
    const auto end = text_of(token, "expires");
    return end == "-" ? "never" : end;
}

std::string ago(const Json& token, const char* member, std::chrono::system_clock::time_point now) {
    const auto span = age(text_of(token, member), now);
    return span.empty() ? "-" : span;
}

}  // namespace

std::string token_table(const Json& tokens, std::chrono::system_clock::time_point now) {
    std::vector<std::vector<std::string>> rows{{"NAME", "SCOPE", "TOKEN", "AGE", "EXPIRES", "USED"}};
    for (const auto& token : tokens) {
        if (!token.is_object()) continue;
        rows.push_back({text_of(token, "name"), text_of(token, "scope"), text_of(token, "hint"),
                        ago(token, "created", now), end_of(token), text_of(token, "last_used")});
    }
    return table(rows);
}

std::string audit_text(std::string_view line) {
    const auto entry = Json::parse(line, nullptr, false);
    if (!entry.is_object()) return printable(line);
    auto text = text_of(entry, "time") + "  " + text_of(entry, "who");
    if (entry.contains("from")) text += " (" + text_of(entry, "from") + ")";
    text += "  " + text_of(entry, "method") + " " + text_of(entry, "path") + "  ";
    text += entry.contains("status") ? text_of(entry, "status") : "done";
    for (const auto* member : {"fault", "result"}) {
        if (entry.contains(member)) text += " " + text_of(entry, member);
    }
    if (entry.contains("missing")) text += "  (" + text_of(entry, "missing") + " lines before it are missing)";
    return text;
}

}  // namespace shallop::cli
