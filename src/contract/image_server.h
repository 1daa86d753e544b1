// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/verdict.h"

#include <shallop/async/task_group.h>

#include <memory>
#include <string>

namespace shallop::contract {

/// The image's own server inside one instance, whatever it speaks: starts it, connects to it, hands out the lines it writes, knows when it has
/// ended, and whether it can be trusted with another event.
///
/// When the server ends, the channel is closed with the reason: what remains in the container serves nobody.
class ImageServer {
public:
    explicit ImageServer(Surroundings& around);
    ImageServer(const ImageServer&) = delete;
    ImageServer& operator=(const ImageServer&) = delete;
    ~ImageServer();

    /// Runs the container's own command. Faults: launch_failed, overloaded.
    Task<base::Status> start();

    /// Waits until it listens: the first connection to it. Faults: function_failed, out_of_memory (it has ended), start_timeout.
    Task<Result<base::Fd>> listening(Instant deadline);

    /// A further one. Faults: those of Channel::connect.
    Task<Result<base::Fd>> connect(Instant deadline);

    /// With its last words: it is not ready in time.
    base::Error never_ready(std::string detail) const;

    /// What its state says about a reply that failed; waits a moment for its end where it has closed the connection.
    Task<void> explain(Trouble trouble, Result<Outcome>& outcome);

    /// A reply that was as it should be.
    void note_answer() { unanswered_ = 0; }

    /// Whether it may have another event after all that has happened.
    bool sound() const;

    bool ended() const;

    Task<void> until_ended();

    /// The same, but not after `when`.
    Task<void> until_ended(Instant when);

    /// How it ended; `before` says before what, e.g. "before it listened". Only when it has.
    base::Error death(const std::string& before) const;

    /// The last lines it has written.
    std::string last_words() const;

private:
    struct Running;
    static Task<void> watch(std::shared_ptr<Running> running);
    static Task<void> listen(std::shared_ptr<Running> running, bool to_stderr);

    Surroundings& around_;
    std::string address_;  ///< in the words of Channel::connect
    bool timed_out_ = false;
    bool refused_ = false;  ///< a connection, after it had listened
    int garbage_ = 0;       ///< replies that were none
    int unanswered_ = 0;    ///< events in a row whose connection was closed without a reply
    std::shared_ptr<Running> running_;
    async::TaskGroup tasks_;  // last
};

}  // namespace shallop::contract
