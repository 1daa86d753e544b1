// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace shallop::cli {

/// Invocations as the API lists them, a row each: what is wrong with one, or when it is due, in the last column.
std::string invocation_table(const nlohmann::ordered_json& invocations, std::chrono::system_clock::time_point now);

/// One of them whole, with its attempts and their logs.
std::string invocation_text(const nlohmann::ordered_json& invocation, std::chrono::system_clock::time_point now);

/// What became of it in one line: "ID succeeded after 2 attempts".
std::string invocation_line(const nlohmann::ordered_json& invocation);

/// Whether nothing more will become of it.
bool has_ended(const nlohmann::ordered_json& invocation);

/// A member that is a text, printable; "" where it is none.
std::string text_member(const nlohmann::ordered_json& object, const char* member);

}  // namespace shallop::cli
