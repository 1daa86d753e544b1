// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shallop::http {

/// A problem document's content (RFC 9457).
struct Problem {
    int status = 500;
    std::string detail;  ///< one or two sentences: what was wrong and what to do
    std::string type = "about:blank";
    std::string title;  ///< empty = the status's phrase
    std::vector<std::pair<std::string, std::string>>
        members;  ///< more string members, such as "pointer"; "fault" goes by the status if it is not here
};

/// The reply's head, and in `body` the document. Control bytes and invalid UTF-8 in texts cannot break it.
Response problem(const Problem& what, std::string& body);

/// Appends `text` as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& json, std::string_view text);

}  // namespace shallop::http
