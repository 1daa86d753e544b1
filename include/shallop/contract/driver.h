// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/contract/exchange.h>

#include <functional>
#include <memory>
#include <string>

namespace shallop::http {
class Roster;
}

namespace shallop::contract {

/// Memory for bodies on their way; one for all Drivers of a loop, so that an idle instance holds none.
class BodyBuffers;
std::shared_ptr<BodyBuffers> make_buffers();

/// What one event brings along; what it refers to outlives the exchange.
struct Call {
    const function::Event& event;
    function::BodySource& body;
    function::ReplySink& reply;
    Instant deadline;
    StderrLine stderr_line{};  ///< what this event's process writes to stderr; for contracts that can tell
    /// Gets work that outlives the answer (a process that had its time, between TERM and KILL); see CgiCall.
    std::function<void(Task<void>)> afterwards{};
    bool sent =
        false;  ///< set as soon as a byte of the event may have reached the function: from then on never retried
};

/// What a Driver works with; all of it outlives the Driver.
struct Surroundings {
    shim::Channel& channel;
    const function::Function* function;  ///< changes when the instance becomes() another's
    async::Clock& clock;
    base::Log& log;
    async::Executor executor;
    http::Roster& roster;  ///< whose sweep ends what is overdue on connections into containers
    StderrLine output{};   ///< lines that a long-lived server writes to stdout and stderr
    Duration kill_grace = std::chrono::seconds(2);
    std::string spool_dir = "/tmp";
    std::shared_ptr<BodyBuffers> buffers = make_buffers();
};

/// Speaks one contract with one instance. Belongs to one loop; no exchange is under way when it is destroyed.
///
/// Where the contract has one long-lived server and that ends, the driver closes the channel with the reason.
class Driver {
public:
    virtual ~Driver() = default;

    /// Makes the instance ready for its first event. Called once, before exchange().
    /// Faults: launch_failed, function_failed (it ended, with its last words in `log`), start_timeout (the same),
    /// out_of_memory.
    virtual Task<base::Status> prepare(Instant deadline) = 0;

    /// The instance's code is in its place: it serves `function` from now on. After prepare(), at most once, before exchange(); `function`
    /// outlives the Driver. Returns what the runtime says of the code. Faults: function_failed (the code cannot be loaded: in the runtime's words), timed_out, and those of exchange().
    virtual Task<Result<function::Announced>> become(const function::Function& function, Instant deadline) = 0;

    /// Faults of exchange_cgi(); for http function_failed, out_of_memory, timed_out (pointer "body": the client was too
    /// slow), client_gone, and those of Channel::connect and of the body, all before the sink has begun but client_gone.
    /// Runs one event; as many at once as `scale.concurrency` lets in. Cancelling it ends this event's work and nothing else.
    virtual Task<Result<Outcome>> exchange(Call& call) = 0;

    /// Whether the instance may have another event after all that has happened in it.
    virtual bool sound() const = 0;
};

std::unique_ptr<Driver> make_driver(Surroundings around);

}  // namespace shallop::contract
