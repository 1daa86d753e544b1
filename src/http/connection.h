// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <http/head.h>
#include <http/http_exchange.h>

#include <string>

namespace shallop::http {

/// The two ends of a connection, as requests show them.
struct Ends {
    int family = 0;
    std::string remote_addr;
    std::uint16_t remote_port = 0;
    std::uint16_t local_port = 0;
};

/// Serves the requests of one connection, one after the other, until it ends; owns its socket.
class Connection {
public:
    Connection(Shared& shared, async::Canceller& task, base::Fd fd, Ends ends);

    /// Before serve(), where the listener speaks TLS. False: the connection is to end.
    Task<bool> secure();

    Task<void> serve();

private:
    Task<void> end_handshake(base::Error why);
    Task<bool> read_rest(HeadParser::Progress progress);
    Head& head();
    Task<bool> end(HttpExchange& exchange);
    Task<void> fail(HttpExchange& exchange);
    Task<void> refuse(Refusal refusal, bool for_head_method);
    Task<void> answer(Refusal refusal, bool for_head_method);
    void report_refused(const char* word, const std::string& detail) const;
    Task<void> linger(std::uint64_t bytes);

    Shared& shared_;
    async::Canceller& task_;
    Ends ends_;
    Wire wire_;
    HeadParser parser_;
    bool lacked_memory_ = false;  ///< the handler did, and so gave no reply
};

/// A connection's whole life as a Task that owns it; `task` is that task's own.
Task<void> serve_connection(Shared& shared, async::Canceller& task, base::Fd fd, Ends ends);

}  // namespace shallop::http
