// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::cli {

/// `text` with control bytes as \xNN, so that what a function or a server says cannot steer a terminal. Tabs stay.
std::string printable(std::string_view text);

/// Rows under a heading, in columns as wide as their widest cell.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// How long ago an RFC 3339 time in UTC was, roughly: "12s", "5m", "3h", "9d"; "" if it is none.
std::string age(const std::string& time, std::chrono::system_clock::time_point now);

/// The same for a time that is to come; "" if it is none, or is past.
std::string ahead(const std::string& time, std::chrono::system_clock::time_point now);

}  // namespace shallop::cli
