// SPDX-License-Identifier: Apache-2.0
#include "cli/instance_table.h"

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string cell(const Json& instance, const char* member) {
    const auto found = instance.find(member);
    if (found == instance.end() || found->is_null()) return "-";
    return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

}  // namespace

std::string instance_table(const Json& instances, std::chrono::system_clock::time_point now) {
    constexpr std::size_t short_id = 12;  // as the engine's own client shortens it
    std::vector<std::vector<std::string>> rows{{"ID", "STATE", "VERSION", "EVENTS", "SERVED", "AGE", "CONTAINER"}};
    for (const auto& one : instances) {
        if (!one.is_object()) continue;
        rows.push_back({cell(one, "id"), cell(one, "state"), cell(one, "version"), cell(one, "events"),
                        cell(one, "served"), age(cell(one, "since"), now), cell(one, "container").substr(0, short_id)});
    }
    return table(rows);
}

}  // namespace shallop::cli
