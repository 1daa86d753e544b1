// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace shallop::cli {

/// "6/10 done, 3 running, 1 queued, 0 failed", behind a bar of `width` characters (0: none), and the state once it has ended.
std::string progress_line(const nlohmann::ordered_json& job, std::size_t width);

/// A row for each job; "" where there is none.
std::string job_table(const nlohmann::ordered_json& jobs, std::chrono::system_clock::time_point now);

/// A row for each index.
std::string index_table(const nlohmann::ordered_json& indexes);

}  // namespace shallop::cli
