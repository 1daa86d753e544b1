// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>

#include "cli/complaint.h"
#include "cli/rest.h"

namespace shallop::cli {

// Calls of /v1/invocations. What the daemon refuses is a complaint in its words.

Result<nlohmann::ordered_json> fetch_invocation(Rest& rest, const std::string& id);

/// As it is when it has ended, or when `patience` is over; as long as it takes, without one.
Result<nlohmann::ordered_json> wait_for_end(Rest& rest, const std::string& id,
                                            std::optional<std::chrono::milliseconds> patience);

/// The body of its reply to standard output.
Done print_result(Rest& rest, const std::string& id);

/// Nothing where it succeeded, else the complaint that is to be the command's end.
Done judged(const nlohmann::ordered_json& invocation);

/// A POST without a body, or a DELETE; the document of the answer, or null where it has none.
Result<nlohmann::ordered_json> tell_server(Rest& rest, const char* method, const std::string& path);

/// Prints the list at `path` (with its query): the array `member` as JSON, or a table, or `none` where it is empty.
Done print_invocations(const Globals& globals, const std::string& path, const char* member, const char* none);

/// Prints one whole.
Done show_invocation(const Globals& globals, const std::string& id);

/// A check of an option or an argument: an empty word is a variable that a script did not set, and must not come to mean all.
std::string not_empty(const std::string& word);

/// "?a=b&c=d" of those that are not empty.
std::string query_of(const std::vector<std::pair<const char*, std::string>>& parameters);

}  // namespace shallop::cli
