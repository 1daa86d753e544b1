// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace shallop::cli {

/// A line for each token of the API, under headings.
std::string token_table(const nlohmann::ordered_json& tokens, std::chrono::system_clock::time_point now);

/// A line of the audit log for people: time, who from where, what, and what became of it. What is no line is shown as it is.
std::string audit_text(std::string_view line);

}  // namespace shallop::cli
