// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace shallop::cli {

/// The instances that the API lists, one a row. What is missing or of another kind is left blank.
std::string instance_table(const nlohmann::ordered_json& instances, std::chrono::system_clock::time_point now);

}  // namespace shallop::cli
