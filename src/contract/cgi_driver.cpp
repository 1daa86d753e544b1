// SPDX-License-Identifier: Apache-2.0
#include "contract/cgi_driver.h"

#include "contract/pipes.h"

#include <csignal>
#include <utility>

namespace shallop::contract {

/// How many events have processes in the instance. Shared, because the end of a process may outlive its event.
struct CgiDriver::Floor {
    explicit Floor(Surroundings& around) : channel(around.channel), swept(around.function->spec.scale.reuse) {}

    shim::Channel& channel;
    base::Fd no_input = empty_input();
    bool swept;  ///< otherwise the instance ends with its one event
    /// What an event wrote to a file system in memory outlives it, and the next one might start with too little.
    bool out_of_memory = false;
    int running = 0;
    bool abandoned = false;  ///< the driver is gone, and perhaps the channel with it
};

/// One event whose processes may run. Destroying the last one sweeps the instance.
class CgiDriver::Running {
public:
    explicit Running(std::shared_ptr<Floor> floor) : floor_(std::move(floor)) { ++floor_->running; }
    Running(Running&& other) noexcept = default;
    Running& operator=(Running&&) = delete;
    ~Running() {
        if (floor_ && --floor_->running == 0 && floor_->swept && !floor_->abandoned && floor_->channel.is_open())
            floor_->channel.signal_all(SIGKILL);
    }

private:
    std::shared_ptr<Floor> floor_;
};

CgiDriver::CgiDriver(Surroundings around) : around_(std::move(around)), floor_(std::make_shared<Floor>(around_)) {}

CgiDriver::~CgiDriver() { floor_->abandoned = true; }

Task<base::Status> CgiDriver::prepare(Instant) { co_return base::Status(); }

Task<Result<function::Announced>> CgiDriver::become(const function::Function& function, Instant) {
    around_.function = &function;
    floor_->swept = function.spec.scale.reuse;
    co_return function::Announced();
}

Task<Result<Outcome>> CgiDriver::exchange(Call& call) {
    const Running running(floor_);
    call.sent = call.event.chunked;  // such a body is read before the process starts, and cannot be read again
    CgiCall cgi{around_.channel, *around_.function, call.event,    call.body,
                call.reply,      call.stderr_line,  around_.clock, call.deadline};
    cgi.kill_grace = around_.kill_grace;
    cgi.spool_dir = around_.spool_dir;
    cgi.no_input = floor_->no_input.get();
    cgi.process_started = [&call] { call.sent = true; };
    cgi.out_of_memory = [this] { floor_->out_of_memory = true; };
    const auto later = [this, &call](Task<void> work) { call.afterwards(finish(Running(floor_), std::move(work))); };
    if (call.afterwards) cgi.afterwards = later;
    co_return co_await exchange_cgi(std::move(cgi));
}

/// Holds the sweep back until a process that had its time has ended.
Task<void> CgiDriver::finish(Running, Task<void> work) { co_await std::move(work); }

bool CgiDriver::sound() const { return !floor_->out_of_memory && around_.channel.is_open(); }

}  // namespace shallop::contract
