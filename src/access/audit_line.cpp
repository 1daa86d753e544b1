// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/audit.h>
#include <shallop/access/tokens.h>

#include <nlohmann/json.hpp>

namespace shallop::access {
namespace {

using Json = nlohmann::ordered_json;

/// Bytes of one value. Escaped it is up to six times as long: all of them together stay below 4 KiB.
constexpr std::size_t longest_path = 160;
constexpr std::size_t longest_text = 64;

void add(Json& line, const char* name, const std::string& text, std::size_t longest = longest_text) {
    if (text.empty()) return;
    line[name] = masked(text).substr(0, longest);
}

}  // namespace

std::string format_audit_line(const AuditEntry& entry, std::chrono::system_clock::time_point time,
                              std::uint64_t missing) {
    Json line;
    line["time"] = base::format_time(time);
    line["event"] = entry.event;
    add(line, "who", entry.who);
    add(line, "from", entry.from);
    add(line, "method", entry.method, 16);
    add(line, "path", entry.path, longest_path);
    add(line, "function", entry.function);
    if (entry.version != 0) line["version"] = entry.version;
    if (entry.status != 0) line["status"] = entry.status;
    add(line, "result", entry.result, longest_path);
    add(line, "fault", entry.fault);
    if (missing != 0) line["missing"] = missing;
    // ASCII alone: what a client sent as control bytes, of whatever encoding, reaches no terminal and no other line.
    return line.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace shallop::access
