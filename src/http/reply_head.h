// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/log.h>
#include <shallop/http/message.h>

#include <chrono>
#include <string>
#include <string_view>

namespace shallop::http {

/// How a reply's body ends (RFC 9112 6.3); after an upgrade it is no body, and goes both ways.
enum class Framing { none, length, chunked, until_close, upgraded };

/// What of a request decides how its reply is framed.
struct Asked {
    explicit Asked(const Request& request);
    Asked() = default;

    bool head = false;  ///< the method was HEAD
    int version = 11;
};

/// Decides it for `reply`: none for HEAD, 204 and 304; else the length where it is known.
Framing framing_of(const Response& reply, Asked asked);

/// The head's bytes. Fields that belong to the framing are dropped, so are, with a log line, fields that could split
/// the reply (names that are no tokens, values with control bytes: threat T6).
std::string write_head(const Response& reply, Asked asked, Framing framing, bool keep_alive, std::string_view date,
                       base::Log& log);

/// The Date field's value, made anew once a second.
class DateLine {
public:
    std::string_view at(std::chrono::system_clock::time_point now);

private:
    std::time_t second_ = -1;
    std::string text_;
};

}  // namespace shallop::http
