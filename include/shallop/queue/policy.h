// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/units.h>
#include <shallop/function/spec.h>
#include <shallop/store/events.h>

#include <optional>
#include <string>

/// Accepted now, run later: durable, leased, retried with backoff, dead-lettered.
namespace shallop::queue {

using base::Duration;
using store::Millis;

/// How one run of a queued event ended.
struct Ran {
    std::string fault;       ///< base::name of it, "" where there was a whole reply
    std::string detail;      ///< in words
    int http_status = 0;     ///< of the reply, 0 = none
    int exit_code = -1;      ///< of its process, -1 = none
    int signal = 0;          ///< that ended it
    Duration retry_after{};  ///< what a 429 or 503 asked for
    bool stopped = false;    ///< by the daemon's end: it says nothing of the event
    bool cancelled = false;  ///< by an operator
};

/// What is to be done after a run.
struct Verdict {
    store::EventState state = store::EventState::succeeded;  ///< queued: run again at `due`
    bool counts = true;                                      ///< as one of max_attempts
    Millis due = 0;
    std::string fault, detail;  ///< why it failed, or is tried again
};

/// Decides, and does nothing.
///
/// A reply below 400 and exit code 0 succeed. Tried again, with backoff: 5xx, timeouts, crashes, failed starts, another exit code, and those of
/// `retry_on`. 429, 503, an engine that is away and full queues are tried again without using up an attempt. Another 4xx is final. No event is tried
/// again after max_age. `chance` from 0 to 1 spreads the waits.
Verdict judge(const function::Async& policy, const store::EventRow& event, const Ran& ran, Millis now, double chance);

/// The wait before attempt `next` (2 or more): initial × factor^(next − 2), at most max, spread by jitter.
Duration backoff(const function::Async& policy, int next, double chance);

}  // namespace shallop::queue
