// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation_text.h"

#include <algorithm>
#include <string_view>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;
using Time = std::chrono::system_clock::time_point;

const Json& member(const Json& object, const char* name) {
    static const Json nothing;
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() ? *found : nothing;
}

std::string number(const Json& object, const char* name, const char* otherwise) {
    const auto& value = member(object, name);
    return value.is_number_integer() ? value.dump() : std::string(otherwise);
}

bool is_queued(const Json& invocation) { return member(invocation, "queued").is_object(); }

/// What went wrong, or what is being waited for.
std::string remark(const Json& invocation, Time now) {
    const auto detail = text_member(invocation, "detail");
    if (!detail.empty()) return detail;
    const auto wait = ahead(text_member(member(invocation, "queued"), "due"), now);
    return wait.empty() ? "-" : "due in " + wait;
}

void row(std::string& text, const char* name, const std::string& value) {
    if (value.empty()) return;
    constexpr std::size_t width = 12;
    text.append(name).append(width - std::min(width - 1, std::string_view(name).size()), ' ').append(value) += '\n';
}

std::string when(const Json& object, const char* name, Time now) {
    const auto time = text_member(object, name);
    if (time.empty()) return {};
    const auto later = ahead(time, now);
    return time + (later.empty() ? " (" + age(time, now) + " ago)" : " (in " + later + ")");
}

void add_log(std::string& text, const std::string& log) {
    for (std::size_t from = 0; from < log.size();) {
        const auto end = std::min(log.find('\n', from), log.size());
        text += "      | " + printable(std::string_view(log).substr(from, end - from)) + '\n';
        from = end + 1;
    }
}

void add_attempts(std::string& text, const Json& history) {
    if (!history.is_array() || history.empty()) return;
    text += "attempts\n";
    for (const auto& attempt : history) {
        text += "  " + number(attempt, "number", "?") + "  " + text_member(attempt, "started") + "  " +
                text_member(attempt, "outcome");
        const auto detail = text_member(attempt, "detail");
        if (!detail.empty()) text += ": " + detail;
        if (member(attempt, "counted") == false) text += " (not counted)";
        text += '\n';
        const auto& log = member(attempt, "log");
        if (log.is_string()) add_log(text, log.get<std::string>());
    }
}

void add_reply(std::string& text, const Json& reply, const std::string& id) {
    if (!reply.is_object()) return;
    const bool part = member(reply, "truncated") == true;
    row(text, "reply",
        "status " + number(reply, "status", "?") + (part ? ", only its beginning is kept" : "") +
            "; its body: shallop invocations result " + id);
}

}  // namespace

std::string text_member(const Json& object, const char* name) {
    const auto& value = member(object, name);
    return value.is_string() ? printable(value.get_ref<const std::string&>()) : std::string();
}

bool has_ended(const Json& invocation) {
    const auto status = text_member(invocation, "status");
    return status == "succeeded" || status == "failed" || status == "cancelled";
}

std::string invocation_table(const Json& invocations, Time now) {
    std::vector<std::vector<std::string>> rows{{"ID", "FUNCTION", "STATUS", "ATTEMPTS", "AGE", "REMARK"}};
    for (const auto& one : invocations) {
        if (!one.is_object()) continue;
        rows.push_back({text_member(one, "id"), text_member(one, "function"), text_member(one, "status"),
                        number(member(one, "queued"), "attempts", "-"), age(text_member(one, "received"), now),
                        remark(one, now)});
    }
    return table(rows);
}

std::string invocation_text(const Json& invocation, Time now) {
    const auto& queued = member(invocation, "queued");
    const auto version = number(invocation, "version", "");
    const auto status = number(invocation, "http_status", "");
    const auto exit_code = number(invocation, "exit_code", "");
    std::string text;
    row(text, "id", text_member(invocation, "id"));
    row(text, "function", text_member(invocation, "function") + (version.empty() ? "" : ", version " + version));
    row(text, "status", text_member(invocation, "status"));
    row(text, "reason", text_member(invocation, "detail"));
    row(text, "request", text_member(invocation, "method") + " " + text_member(invocation, "path"));
    row(text, "answered", status.empty() ? "" : "status " + status);
    row(text, "exit code", exit_code);
    row(text, "received", when(invocation, "received", now));
    row(text, "ended", when(invocation, "ended", now));
    if (!is_queued(invocation)) return text;
    row(text, "due", when(queued, "due", now));
    row(text, "origin", text_member(queued, "origin"));
    row(text, "in order of", text_member(queued, "ordering_key"));
    row(text, "callback", text_member(queued, "callback"));
    row(text, "kept until", when(queued, "kept_until", now));
    add_reply(text, member(queued, "reply"), text_member(invocation, "id"));
    add_attempts(text, member(queued, "history"));
    return text;
}

std::string invocation_line(const Json& invocation) {
    auto line = text_member(invocation, "id") + " ";
    const auto status = text_member(invocation, "status");
    line += has_ended(invocation) ? status : "is " + status;
    const auto attempts = number(member(invocation, "queued"), "attempts", "");
    if (!attempts.empty() && attempts != "0")
        line += " after " + attempts + (attempts == "1" ? " attempt" : " attempts");
    const auto detail = text_member(invocation, "detail");
    if (!detail.empty()) line += ": " + detail;
    return line;
}

}  // namespace shallop::cli
