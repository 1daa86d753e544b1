// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/units.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// What happened: counters, the recent invocations, what functions wrote to stderr. Everyone may report to it.
namespace shallop::observe {

using base::Bytes;
using base::Duration;
using WallTime = std::chrono::system_clock::time_point;

/// So much of a path is noted.
inline constexpr std::size_t longest_path = 256;

/// One invocation, running or ended.
struct Invocation {
    std::string id, function;
    std::int64_t version = 0;
    std::string method, path;  ///< path: at most longest_path bytes of it
    std::string status;        ///< queued, running, succeeded, failed, cancelled
    std::string fault;         ///< base::name of the fault, "" if none
    std::string detail;        ///< for the operator: the reason in words
    int http_status = 0;       ///< what the client got, 0 = nothing yet
    int exit_code = -1;        ///< of the process, -1 = none
    int signal = 0;
    WallTime received{};
    WallTime ended{};  ///< epoch = still running
    Duration queue{}, start{}, run{};
    Duration cpu{};  ///< user + system, of the process and its reaped children
    Bytes max_rss = 0, bytes_in = 0, bytes_out = 0;
    int attempt = 0;        ///< of a queued event, whose story the queue keeps; 0: a request's
    std::size_t place = 0;  ///< among the running ones; theirs alone
};

/// The running invocations and the last ended ones, newest last; bounded. Noting one costs no allocation of its own.
class Invocations {
public:
    explicit Invocations(std::size_t kept = 1000) : kept_(kept) {}

    /// A new one, which is shown as it then is, whenever somebody looks. Whoever has it gives it to ended().
    std::unique_ptr<Invocation> started();

    /// Takes one that was started() into the bounded history.
    void ended(std::unique_ptr<Invocation> one);

    const Invocation* find(std::string_view id) const;

    /// Requests, newest first; empty filters match all. Those with an id below `before` only (a cursor), at most `limit`.
    std::vector<Invocation> list(std::string_view function, std::string_view status, std::string_view before,
                                 std::size_t limit) const;

private:
    std::size_t kept_;
    std::vector<Invocation*> running_;  ///< each knows its place here
    std::deque<std::unique_ptr<Invocation>> ended_;
    std::unique_ptr<Invocation> spare_;  ///< one that fell out of the history: its memory is the next one's
};

}  // namespace shallop::observe
