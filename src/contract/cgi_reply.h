// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/chunked_body.h"
#include "contract/header_scanner.h"
#include "contract/reply_head.h"

#include <shallop/base/result.h>
#include <shallop/function/event.h>
#include <shallop/function/spec.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace shallop::contract {

struct ReplyRules {
    function::Output output = function::Output::automatic;
    bool head_request = false;                ///< the method is HEAD: what the program prints as body is read over
    std::optional<base::Bytes> body_limit{};  ///< nullopt = unlimited
    std::size_t head_limit = 64 * 1024;
    std::size_t max_fields = 100;
    int max_interim = 16;  ///< 1xx heads before the final one of an NPH reply
};

/// Reads what a CGI program, or any command, prints (RFC 3875 section 6, contracts A2 and A3) and says what to do next. No I/O.
///
/// What the output is (rule `automatic`) is decided by its first bytes that leave no choice, never by time: a whole status line is a
/// message, a header block with a CGI field is a document, all else is raw. Output that is so far a header block is held, at most `head_limit` of it.
class CgiReply {
public:
    enum class Step {
        read,            ///< feed() more output, or finish()
        begin,           ///< send head()
        write,           ///< send body()
        local_redirect,  ///< run target() instead; the end
        end,             ///< the reply is whole, whether or not there is more output
        cut,             ///< the reply is broken off: why()
    };

    explicit CgiReply(ReplyRules rules) : rules_(rules), scanner_(rules.max_fields) {}

    /// More output. In place until the next Step::read.
    void feed(std::span<const char> bytes);
    /// The output has ended.
    void finish() { finished_ = true; }

    /// Faults: function_failed. Only before `begin`; nothing comes after it.
    base::Result<Step> next();

    function::ReplyHead& head() { return head_; }
    std::span<const char> body() const { return body_; }
    const std::string& target() const { return target_; }
    const std::string& why() const { return why_; }

    /// Whether nothing was printed so far.
    bool silent() const { return silent_; }
    /// Whether a broken process makes this reply a broken one: it goes on until the output ends.
    bool open_ended() const { return framing_ == Framing::until_end; }

private:
    enum class Phase { kind, cgi, nph_line, nph_fields, first_byte, begin, body, local_redirect, page, ended, broken };
    enum class Framing { until_end, counted, chunked, none };

    /// One move; nullopt = move again.
    std::optional<Step> turn();
    std::optional<Step> find_kind();
    std::optional<Step> read_header(bool automatic);
    std::string_view head_bytes() const;
    std::optional<Step> read_status_line();
    std::optional<Step> read_nph_fields();
    std::optional<Step> await_first_byte();
    std::optional<Step> read_body();
    std::optional<Step> read_chunks();
    std::optional<Step> hand_out(std::size_t size);

    std::optional<Step> start_raw();
    std::optional<Step> start_cgi();
    std::optional<Step> start_nph(NphHead nph);
    std::optional<Step> start_body();
    std::optional<Step> fail(std::string why);
    std::optional<Step> cut(std::string why);

    ReplyRules rules_;
    Phase phase_ = Phase::kind;
    Framing framing_ = Framing::until_end;
    HeaderScanner scanner_;
    ChunkedBody chunks_;
    std::string held_;             ///< output that is not yet known to be body
    std::span<const char> input_;  ///< body bytes not yet handed out: in held_, or the caller's
    std::span<const char> body_;
    std::string status_line_;
    int interim_ = 0;
    std::uint64_t promised_left_ = 0, sent_ = 0;
    bool finished_ = false, silent_ = true;
    function::ReplyHead head_;
    std::string target_, page_, why_;
    std::optional<base::Error> failure_;
};

}  // namespace shallop::contract
