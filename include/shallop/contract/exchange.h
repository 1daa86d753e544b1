// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/base/log.h>
#include <shallop/function/event.h>
#include <shallop/function/spec.h>
#include <shallop/shim/channel.h>

#include <functional>
#include <optional>
#include <string>

/// How an event goes into a container of a certain kind and how its reply comes out. One file per contract.
namespace shallop::contract {

using async::Duration;
using async::Instant;
using async::Task;
using base::Result;

/// How one run of a function ended, where it ended with a usable reply.
struct Outcome {
    int exit_code = -1;  ///< -1: killed by `signal`, or not known (it was not waited for)
    int signal = 0;
    Duration cpu{};  ///< user + system
    base::Bytes max_rss = 0;
    std::optional<std::string>
        local_redirect;  ///< RFC 3875 6.2.2: run the route of this path?query as a GET; the sink has not begun
    bool reply_incomplete = false;  ///< died or was cut after the head went out: the connection must be cut, not ended
    std::string incomplete_reason;
};

/// Where what a function writes to stderr goes, line by line as it comes.
using StderrLine = std::function<void(std::string line)>;

/// Everything one exchange needs; references outlive it.
struct CgiCall {
    shim::Channel& channel;
    const function::Function& function;
    const function::Event& event;
    function::BodySource& body;
    function::ReplySink& reply;
    StderrLine stderr_line;
    async::Clock& clock;
    Instant deadline;
    int no_input = -1;  ///< an empty file, which the process of an event without a body reads; stays its owner's
    Duration kill_grace = std::chrono::seconds(2);  ///< between TERM and KILL
    std::function<void()> process_started{};        ///< for timing; may be empty
    std::function<void()> out_of_memory{};          ///< the container's memory did not suffice; may be empty
    /// Gets work that outlives the answer: a process that had its time, between TERM and KILL. Whoever takes it keeps the channel until it is done.
    /// Empty: the container's end is the KILL.
    std::function<void(Task<void>)> afterwards{};
    std::string spool_dir =
        "/tmp";  ///< where a chunked body over 64 KiB waits until its length is known, in a file without a name
};

/// Runs one process by RFC 3875 (contracts.md A1–A3) and streams its reply into the sink, in constant memory.
///
/// Returns as soon as the reply is whole: end of stdout, the length the function promised, or the exit of the process and an empty pipe, whatever it
/// left behind. Waits a short moment for the exit status; longer only where nothing else tells whether the reply is whole.
/// Client gone, a cancellation: the process group is killed by unwinding. What is left of the group when the process exits is killed too.
/// Faults, all before the sink has begun but client_gone: launch_failed, function_failed (no usable output: A2's 502 rows), out_of_memory,
/// timed_out (TERM, then KILL after kill_grace, in the background of the answer: `afterwards`), client_gone, too_large (body; or the head, see
/// faults.h), invalid (path, body framing), overloaded (no descriptors), storage (no room for a chunked body).
/// Needs SIGPIPE ignored: a function may close its stdin at any time.
Task<Result<Outcome>> exchange_cgi(CgiCall call);

}  // namespace shallop::contract
