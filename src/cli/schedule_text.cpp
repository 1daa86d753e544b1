// SPDX-License-Identifier: Apache-2.0
#include "cli/schedule_text.h"

#include <vector>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& schedule, const char* member) {
    const auto at = schedule.find(member);
    return at != schedule.end() && at->is_string() ? printable(at->get<std::string>()) : "";
}

std::string next_of(const Json& schedule) {
    if (schedule.value("paused", false)) return "paused";
    const auto next = schedule.value("next", Json::array());
    return next.empty() ? "never" : printable(next.front().get<std::string>());
}

std::string last_of(const Json& schedule) {
    const auto last = schedule.value("last", Json());
    return last.is_object() ? text_of(last, "tick") + " " + text_of(last, "outcome") : "-";
}

}  // namespace

std::string schedule_table(const Json& schedules) {
    std::vector<std::vector<std::string>> rows{{"ID", "FUNCTION", "CRON", "ZONE", "NEXT", "LAST"}};
    for (const auto& one : schedules) {
        rows.push_back({text_of(one, "id"), text_of(one, "function"), text_of(one, "cron"), text_of(one, "time_zone"),
                        next_of(one), last_of(one)});
    }
    return table(rows);
}

std::string schedule_text(const Json& schedule) {
    std::vector<std::vector<std::string>> rows{
        {"id", text_of(schedule, "id")},
        {"function", text_of(schedule, "function")},
        {"cron", text_of(schedule, "cron") + "  (" + text_of(schedule, "time_zone") + ")"},
        {"event", text_of(schedule, "method") + " " + text_of(schedule, "path")},
        {"overlap", text_of(schedule, "overlap")},
        {"catch up", text_of(schedule, "catch_up") + ", within " + text_of(schedule, "catch_up_deadline")},
        {"last", last_of(schedule)},
    };
    const auto last = schedule.value("last", Json());
    if (last.is_object() && last.value("invocation", Json()).is_string())
        rows.push_back({"", "invocation " + text_of(last, "invocation")});
    const auto next = schedule.value("next", Json::array());
    if (next.empty()) rows.push_back({"next", next_of(schedule)});
    for (std::size_t at = 0; at < next.size(); ++at)
        rows.push_back({at == 0 ? "next" : "", printable(next[at].get<std::string>())});
    return table(rows);
}

Result<std::pair<std::string, std::string>> header_of(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos || colon == 0)
        return Complaint{"'" + printable(text) + "' is no header", "write it as 'Name: value'", 2};
    const auto value = text.find_first_not_of(" \t", colon + 1);
    return std::pair(text.substr(0, colon), value == std::string::npos ? std::string() : text.substr(value));
}

}  // namespace shallop::cli
