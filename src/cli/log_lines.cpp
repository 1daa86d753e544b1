// SPDX-License-Identifier: Apache-2.0
#include "cli/log_lines.h"

#include <nlohmann/json.hpp>

#include "cli/print.h"

namespace shallop::cli {

void LogLines::add(std::string_view piece) {
    rest_ += piece;
    std::size_t from = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', from)) {
        each_(std::string_view(rest_).substr(from, end - from));
        from = end + 1;
    }
    rest_.erase(0, from);
}

LogLine log_line(std::string_view object) {
    const auto entry = nlohmann::json::parse(object, nullptr, false);
    const auto text = [&](const char* member, const char* otherwise) {
        const auto found = entry.is_object() ? entry.find(member) : entry.end();
        const bool there = entry.is_object() && found != entry.end() && found->is_string();
        return there ? printable(found->get<std::string>()) : std::string(otherwise);
    };
    return {text("time", ""), text("invocation", "-"), text("text", ""), text("stream", "")};
}

}  // namespace shallop::cli
