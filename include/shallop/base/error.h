// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace shallop::base {

/// Why an operation did not do what was asked. Closed: a new kind of failure is first a new word here,
/// then one row of fault.cpp and one of the status table in `api`.
enum class Fault {
    invalid,          ///< the input breaks a rule; `Error::pointer` names the place where there is one
    not_found,        ///< no such function, route, invocation, image, …
    conflict,         ///< true state forbids it: taken route, stale ETag, name in use
    too_large,        ///< the input passes a size limit
    overloaded,       ///< a bound is reached now; the same call may work later
    timed_out,        ///< the deadline of an invocation or a call passed
    launch_failed,    ///< the container or its process could not start
    start_timeout,    ///< it started, and its server was not ready in time
    function_failed,  ///< it started, and gave no usable reply
    out_of_memory,    ///< the function was killed for its memory limit
    engine_down,      ///< the engine does not answer, or not in time
    engine_refused,   ///< the engine answered, and said no
    client_gone,      ///< the one who asked is no longer there
    shutting_down,    ///< we are stopping
    storage,          ///< the database or the disk refused
    internal,         ///< a bug of ours
};

/// The name used in logs, metrics and problem documents, e.g. "timed_out".
std::string_view name(Fault fault);

/// Whether the same call can succeed later without being changed.
bool retryable(Fault fault);

/// An expected failure, for one who acts on it (`fault`) and one who reads it (`detail`: one sentence, no secrets).
struct Error {
    Error() = default;  ///< what Result::error() of a success gives: never an answer
    Error(Fault f, std::string text) : fault(f), detail(std::move(text)) {}
    Error(Fault f, std::string text, std::string where)
        : fault(f), detail(std::move(text)), pointer(std::move(where)) {}

    Fault fault = Fault::internal;
    std::string detail;
    std::string pointer;  ///< RFC 6901 JSON pointer into the caller's document, or empty
    std::string log;      ///< more for the operator's log, never shown to a client; may be empty
};

}  // namespace shallop::base
