// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fields.h>

#include <string_view>
#include <vector>

/// What RFC 9110 says of field names and values, for both directions.
namespace shallop::contract {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A character of a token (RFC 9110 5.6.2).
bool is_token_char(char c);

/// Controls that no field value may have: all but HTAB (RFC 9110 5.5).
constexpr bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

/// The value without spaces and tabs around it.
std::string_view trim(std::string_view value);

/// Fields of one connection, never of the message (RFC 9110 7.6.1, and RFC 2616 13.5.1 for old programs).
bool is_hop_by_hop(std::string_view name);

/// Fields that only we may set, in either direction.
bool is_platform_field(std::string_view name);

/// The field names listed in Connection fields; views into `fields`.
std::vector<std::string_view> connection_options(const base::Fields& fields);

bool contains_name(const std::vector<std::string_view>& names, std::string_view name);

}  // namespace shallop::contract
