// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shallop::base {

/// In lower case.
std::string to_hex(std::string_view bytes);

/// RFC 4648 section 4, padded.
std::string to_base64(std::string_view bytes);

/// Bytes of the UTF-8 sequence at the front of `text`, which is not empty; 0 if there is no valid one (RFC 3629: no overlong form, no surrogate).
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

/// Whether this one character of UTF-8 is a C0 or C1 control or DEL, which could forge lines or drive a terminal.
bool is_control(std::string_view character);

}  // namespace shallop::base
