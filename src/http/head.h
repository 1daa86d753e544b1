// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/message.h>

#include <shallop/http/authority.h>

#include <optional>
#include <string>
#include <string_view>

namespace shallop::http {

/// A request's head and what only the connection needs of it.
struct Head {
    Request request;
    bool expects_continue = false;  ///< an HTTP/1.1 client waits for "100 Continue"

    /// As new, but with the memory it has.
    void clear();
};

/// Reads a request's head from raw bytes, without I/O: RFC 9112, and stricter where servers are known to disagree
/// (request smuggling).
///
/// Refused: lines not ended by CRLF, control bytes, folded fields, names that are no tokens, space before a colon, no
/// or several Host fields or one that is no host, a Content-Length that is repeated, not digits or begins with a
/// zero, any Transfer-Encoding but one "chunked" in HTTP/1.1 without Content-Length, CONNECT, TRACE, absolute targets
/// that are not http(s) or disagree with Host, other bytes than 0x21-0x7E or "#" in a target. What breaks a rule is
/// refused as soon as its line has arrived, control bytes at once.
class HeadParser {
public:
    enum class Progress { more, done, refused };

    /// `limits` must outlive the parser.
    explicit HeadParser(const Limits& limits) : limits_(&limits) {}

    /// `bytes`: all that was received since the head's start; what an earlier call saw is not looked at again.
    Progress parse(std::string_view bytes);

    /// Once done: how many bytes the head took.
    std::size_t size() const { return line_; }

    /// Whether anything but the one empty line allowed before a request has been seen.
    bool begun() const { return seen_ > leading_; }

    const Refusal& refusal() const { return refusal_; }
    bool for_head_method() const { return head_.request.method == "HEAD"; }

    /// The head, once done; may be moved out of.
    Head& head() { return head_; }

    /// Forgets the head, and is ready for the next one.
    void start();

private:
    bool refuse(int status, std::string detail);
    Progress check_limits(std::string_view bytes);
    bool method_fits(std::string_view word);
    bool line(std::string_view text);
    bool request_line(std::string_view text);
    bool method(std::string_view text);
    bool version(std::string_view text);
    bool target(std::string_view text);
    bool absolute_target(std::string_view text);
    bool field_line(std::string_view text);
    bool known_field(std::string_view name, std::string_view value);
    bool twin();
    bool host(std::string_view value);
    bool content_length(std::string_view value);
    bool transfer_encoding(std::string_view value);
    bool expect(std::string_view value);
    bool finish();

    const Limits* limits_;
    Head head_;
    Refusal refusal_;
    std::optional<Authority> target_authority_;
    std::optional<Authority> host_;
    std::string known_host_;  ///< the Host of the request before, as sent: a connection's are mostly the same
    Authority known_authority_;
    unsigned default_port_ = 80;  ///< of the target's scheme
    std::size_t seen_ = 0;        ///< bytes looked at
    std::size_t line_ = 0;        ///< where the current line starts
    std::size_t leading_ = 0;     ///< bytes of the empty line before the request line
    bool has_request_line_ = false;
    bool done_ = false;
    bool unknown_coding_ = false;  ///< a Transfer-Encoding that is not "chunked"
    bool asks_close_ = false;
    bool asks_keep_alive_ = false;
};

}  // namespace shallop::http
