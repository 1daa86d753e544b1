// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// The small words of RFC 9110 and 9112 that every reader and writer of heads needs.
namespace shallop::http {

/// RFC 9110 5.6.2: one or more of the characters a method or a field name is made of.
bool is_token(std::string_view text);

/// How many bytes at the start of `text` are no control bytes, but the horizontal tab.
std::size_t text_run(std::string_view text);

/// RFC 9110 5.5: no control bytes but the horizontal tab. Bytes above 0x7F pass.
bool is_field_value(std::string_view text);

/// Without the spaces and tabs at both ends.
std::string_view trim(std::string_view text);

/// ASCII letters made small.
std::string lower(std::string_view text);

/// Whether the comma-separated `list` has `token` among its members, compared without case.
bool list_has(std::string_view list, std::string_view token);

/// Fields that belong to one connection and to the framing of one message (RFC 9110 7.6.1): never handed on.
bool is_hop_by_hop(std::string_view name);

/// One `name: value` line without its CRLF. Empty name: refused, `why` says so in words. Shared with trailers.
struct FieldLine {
    std::string_view name;
    std::string_view value;
};
FieldLine parse_field_line(std::string_view text, std::string& why);

}  // namespace shallop::http
