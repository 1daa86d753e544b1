// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/http_buffers.h"
#include "contract/http_request.h"
#include "contract/http_upstream.h"
#include "contract/verdict.h"

#include <shallop/async/condition.h>
#include <shallop/contract/driver.h>
#include <shallop/http/body.h>

#include <optional>
#include <string>

namespace shallop::contract {

/// Carries one event to a function's server and its reply back, over one connection, in constant memory.
///
/// send_head() first, then pass(); afterwards outcome() or, where the client has not had the head yet, error(). What it
/// refers to outlives it.
class HttpRelay {
public:
    HttpRelay(Upstream& upstream, Call& call, const Surroundings& around, BodyBuffers& buffers);
    HttpRelay(const HttpRelay&) = delete;
    HttpRelay& operator=(const HttpRelay&) = delete;

    /// Sends the head as far as the socket takes it now, but for a body whose length is known: those go together.
    /// False: the connection is broken, and not a byte of the event has gone into it.
    bool send_head(TraceIds& traces);

    /// The rest: request body, reply; after a 101 whatever both sides say.
    Task<void> pass();

    base::Result<Outcome> result() { return verdict_.take(); }
    Trouble trouble() const { return verdict_.trouble(); }

    /// Whether the connection may carry the next event: nothing of this one is left in it, on neither side.
    bool reusable() const;

private:
    Task<void> pass_both();
    Task<void> send_request();
    Task<void> send_body(std::span<char> into);
    Task<base::Status> send_piece(std::string_view piece);
    Task<void> read_reply();
    Task<bool> pass_reply();
    Task<bool> pass_length();
    Task<bool> pass_chunked();
    Task<bool> pass_until_close();
    Task<bool> receive(std::size_t& received, std::span<char> into);
    Task<bool> write(std::span<const char> bytes);
    Task<bool> begin(std::string_view first);
    Task<void> tunnel();
    Task<void> tunnel_up();
    Task<void> tunnel_down();

    function::ReplyHead take_head();
    bool within_limit(std::uint64_t more);
    bool fail_receive(const base::Result<std::size_t>& received);

    Upstream& up_;
    Call& call_;
    const Surroundings& around_;
    BodyBuffers& buffers_;
    BodyBuffers::Borrowed reply_buffer_;
    function::ReplyHead reply_head_;
    std::size_t head_sent_ = 0;
    const bool upgrade_;
    bool body_sent_ = false;         ///< the request has gone out wholly
    bool waits_for_client_ = false;  ///< for more of the request's body
    bool whole_ = false;             ///< the reply is
    std::uint64_t passed_ = 0;       ///< bytes of the reply's body
    std::optional<async::Condition> never_;
    Verdict verdict_;
};

}  // namespace shallop::contract
