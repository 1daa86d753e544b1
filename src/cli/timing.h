// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/rest.h"

namespace shallop::cli {

/// The names and durations, in milliseconds, of a Server-Timing field. What has no duration is left out; at most 32.
std::vector<std::pair<std::string, double>> server_timing(std::string_view field);

/// How long what took, a line each: what was seen here, and below it what the daemon says.
std::string timing_text(const Reply& reply);

/// The same for programs: "connect_ms", "first_byte_ms", "total_ms", "server" with the daemon's own, and the bytes "sent" and "received".
nlohmann::ordered_json timing_json(const Reply& reply);

}  // namespace shallop::cli
