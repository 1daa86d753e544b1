// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/cgi_reply.h"
#include "contract/fcgi_records.h"
#include "contract/http_buffers.h"
#include "contract/http_upstream.h"
#include "contract/stderr_lines.h"
#include "contract/verdict.h"

#include <shallop/async/condition.h>
#include <shallop/contract/driver.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace shallop::contract {

/// Carries one event to a FastCGI responder and its reply back, over one connection, in constant memory.
///
/// send_begin() first, then pass(). What it refers to outlives it.
class FcgiRelay {
public:
    /// `body`: of the length that the parameters tell; null = none. `answered` is called when the first byte of a reply has come.
    FcgiRelay(Upstream& upstream, Call& call, function::BodySource* body, const Surroundings& around,
              BodyBuffers& buffers, std::function<void()> answered);
    FcgiRelay(const FcgiRelay&) = delete;
    FcgiRelay& operator=(const FcgiRelay&) = delete;

    /// Sends a request without a body as far as the socket takes it now; one with a body goes out with that. False: the connection is broken, and not a byte of the event has gone
    /// into it.
    bool send_begin(const std::vector<std::string>& parameters);

    /// The rest: body, reply.
    Task<void> pass();

    Result<Outcome> result() { return verdict_.take(); }
    Trouble trouble() const { return verdict_.trouble(); }

    /// Whether the connection may carry the next event: nothing of this one is left in it, on neither side.
    bool reusable() const;

    /// Whether the connection was closed without a word, and nothing of the event's body is lost.
    bool unanswered() const { return !answered_ && body_ == nullptr && trouble() == Trouble::closed; }

private:
    using Status = base::Status;
    Task<void> send_request();
    Task<void> send_body(std::span<char> into);
    Task<Status> send_piece(std::string_view piece);
    Task<void> read_reply();
    Task<bool> receive();
    Task<bool> take_output(std::string_view content, std::string_view behind);
    Task<bool> begin(std::span<const char> first);
    Task<bool> take_end();
    bool ends_in(std::string_view behind) const;

    Upstream& up_;
    Call& call_;
    function::BodySource* body_;
    const Surroundings& around_;
    BodyBuffers& buffers_;
    std::function<void()> on_answer_;
    FcgiReplies records_;
    CgiReply reply_;
    StderrLines lines_;
    std::size_t begin_sent_ = 0;     ///< of the upstream's head
    bool body_sent_ = false;         ///< the request has gone out wholly
    bool waits_for_client_ = false;  ///< for more of the request's body
    bool answered_ = false;
    bool head_held_ = false;  ///< the reply's head is here, and goes out with the first of its body
    bool whole_ = false;      ///< the reply is, as far as the client is concerned
    bool ended_ = false;      ///< the responder is done with the request
    std::optional<async::Condition> never_;
    Verdict verdict_;
};

}  // namespace shallop::contract
