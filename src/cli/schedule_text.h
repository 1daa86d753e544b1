// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

#include "cli/complaint.h"

namespace shallop::cli {

/// A line for each schedule of the API, under headings.
std::string schedule_table(const nlohmann::ordered_json& schedules);

/// One with its last run and the next five.
std::string schedule_text(const nlohmann::ordered_json& schedule);

/// Name and value of "Name: value".
Result<std::pair<std::string, std::string>> header_of(const std::string& text);

}  // namespace shallop::cli
