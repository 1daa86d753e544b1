// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/function/event.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shallop::contract {

/// What the header block of a CGI program asks for (RFC 3875 section 6.2).
struct CgiHead {
    enum class Kind { document, local_redirect, client_redirect };

    Kind kind = Kind::document;
    function::ReplyHead head;  ///< content_length: as promised, where what is promised is one number
    std::string target;        ///< of a redirect
};

/// Faults: function_failed.
base::Result<CgiHead> read_cgi_head(base::Fields fields);

/// What the head of a whole HTTP message says.
struct NphHead {
    function::ReplyHead head;
    bool chunked = false;
};

/// Faults: function_failed.
base::Result<NphHead> read_nph_head(std::string_view status_line, base::Fields fields);

/// Whether bytes can still become "HTTP/1.d ddd" and a space or the line's end, are that, or cannot be.
enum class StatusLine { open, yes, no };
StatusLine looks_like_status_line(std::string_view bytes);

/// Whether a reply of this status has a body (RFC 9110 section 6.4.1).
bool may_have_body(int status);

/// Plain text in UTF-8, or bytes: by the beginning of a body, which may end within a character.
std::string_view guess_type(std::string_view beginning);

/// A small page that leads to `target`, for clients that do not follow redirects by themselves.
std::string redirect_page(std::string_view target);

}  // namespace shallop::contract
