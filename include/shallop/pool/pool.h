// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/task_group.h>
#include <shallop/base/log.h>
#include <shallop/function/spec.h>
#include <shallop/instance/launcher.h>
#include <shallop/pool/ledger.h>
#include <shallop/pool/runtime_demand.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace shallop::pool {

using async::Duration;
using async::Task;
using base::Result;

class Pool;

/// The right to use one place in an instance for one invocation. Destroying it gives the place back: to the next event where the instance is
/// sound, else the instance retires.
class Lease {
public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

    instance::Instance& instance() { return *instance_; }
    Duration queued() const { return queued_; }    ///< waited for room
    Duration started() const { return started_; }  ///< waited for a launch
    async::Instant since() const { return since_; }
    Start start() const { return start_; }  ///< where the instance came from

private:
    friend class Pool;
    Pool* pool_ = nullptr;
    Slot slot_ = 0;
    instance::Instance* instance_ = nullptr;
    Duration queued_{}, started_{};
    async::Instant since_{};
    Start start_ = Start::warm;
};

/// One instance, for people who look.
struct InstanceView {
    std::string id, container;  ///< empty while it is being launched
    std::string state;          ///< launching, idle, leased, paused, retiring; standby: idle and never used
    std::int64_t version = 0;
    int events = 0;            ///< in it now
    std::uint64_t served = 0;  ///< events it has had
    async::Instant since{};    ///< of the decision to launch it
};

/// Decides which instance gets an event, by its Ledger, and does what that orders: launch, pause, wake, retire.
///
/// Belongs to one loop: call it only from there. Outlives every Lease; drain() before destroying.
class Pool {
public:
    Pool(Totals totals, instance::Launcher& launcher, async::Clock& clock, base::Log& log, async::Executor executor);

    /// A place in an instance. One that is there now costs no wait: `done()` says so. Else await wait(), at once or never.
    class Turn;
    /// `function` outlives the Turn.
    /// One that `yields` waits behind all that do not.
    Turn ask(const function::FunctionPtr& function, async::Instant now, bool yields = false);

    /// A function is new or has a new version: what it wants kept warm is launched, and its old instances give way.
    void deploy(const function::FunctionPtr& function);

    /// A function is gone: its instances end with their last event.
    void withdraw(const std::string& function);

    /// Instances of `generic`, which wait for code, are kept ready: its scale.standby, and up to `most` while there is demand; launches of source functions of the same runtime take them
    /// where they are made alike. A newer version takes the place of the one there is.
    void provide(const function::FunctionPtr& generic, int most);
    void withdraw_generic(const std::string& runtime);

    /// Loads the code of a source function in an instance, so that nobody's event is the first to learn that it cannot be loaded. Where
    /// `function` is then deployed as it is, its first launch takes that instance; it waits a few seconds for that, beside all bounds.
    /// Returns what the runtime says of the code. Faults: function_failed (the runtime's words in `log`), and those of a launch.
    Task<Result<function::Announced>> try_code(function::FunctionPtr function);

    /// `report` gets the CPU time that a function's servers have used since the last report, about once a second. Before run().
    void on_cpu(std::function<void(const std::string& function, Duration used)> report) { on_cpu_ = std::move(report); }

    /// What there is of one function, oldest first.
    std::vector<InstanceView> instances(const std::string& function) const;

    /// Lets one instance end with its last event. False if there is none of this id.
    bool retire(const std::string& function, const std::string& instance);

    /// Lets idle instances go whose limits.memory amount to `wanted`, where the machine runs short.
    void relieve(base::Bytes wanted);

    /// Sees to idle times, pauses and what is launched ahead, until cancelled.
    Task<void> run();

    /// Refuses new events, starts nothing ahead, and lets every instance end with its last one.
    void wind_down();

    /// Winds down and waits for the launches under way; cancels them at `deadline`.
    Task<void> drain(async::Instant deadline);

    const Ledger& ledger() const { return ledger_; }

private:
    friend class Lease;
    friend class Turn;
    struct Held {
        std::unique_ptr<instance::Instance> instance;  ///< null while it is launched
        async::Canceller* launch = nullptr;            ///< while it is launched
        Duration started{};                            ///< what its launch took
    };

    /// A runtime whose instances wait for code.
    struct Generic {
        function::FunctionPtr function;
        RuntimeDemand demand;
        int kept;  ///< that the ledger starts ahead
    };
    /// An instance that has loaded code on trial.
    struct Tried {
        function::FunctionPtr function;
        std::unique_ptr<instance::Instance> instance;
        async::Instant until{};  ///< then it goes
    };

    void obey();
    void obey(const Order& order);
    Task<Result<std::unique_ptr<instance::Instance>>> make(Slot slot, function::FunctionPtr function,
                                                           async::Instant deadline);
    void take_in(Slot slot, std::unique_ptr<instance::Instance> instance);
    std::unique_ptr<instance::Instance> take_generic(const function::Function& function);
    std::unique_ptr<instance::Instance> take_tried(const function::Function& function);
    async::Instant forget_tried(async::Instant now);
    void follow_demand(Generic& generic, async::Instant now);
    Task<void> launch(Slot slot, function::FunctionPtr function, async::Canceller& self);
    Task<void> watch(Slot slot, bool metered);
    Task<void> meter(Slot slot);
    Lease lease(Slot slot, Start start, bool wake);
    void give_back(Slot slot, bool sound);

    instance::Launcher& launcher_;
    async::Clock& clock_;
    base::Log& log_;
    async::Executor executor_;
    Ledger ledger_;
    std::unordered_map<Slot, Held> held_;
    std::unordered_map<Ticket, Turn*> waiting_;
    std::map<std::string, Generic> generics_;  ///< by runtime
    std::vector<Tried> tried_;                 ///< oldest first
    async::Condition changed_;
    std::function<void(const std::string&, Duration)> on_cpu_;
    std::vector<Order> orders_;
    bool obeying_ = false;
    bool wound_down_ = false;
    async::Instant next_look_ = async::Instant::max();  ///< when run() calls tick()
    async::TaskGroup tasks_;                            // last: its tasks use everything above
};

/// An event that asks for a place: it has one, is refused, or waits in the line. Destroying it leaves the line or gives the place back.
class Pool::Turn {
public:
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    bool done() const { return served_ || refused_.has_value(); }

    /// The place, or why there is none; once, after done() or wait().
    /// Faults: overloaded (queue full, or waited out), timed_out, start_timeout, launch_failed, not_found, engine_down, shutting_down.
    Result<Lease> take();

    /// Returns when it is done: served, refused, or `deadline` has come; or scale.queue_timeout, while nothing is being launched for it.
    Task<void> wait(async::Instant deadline);

private:
    friend class Pool;
    Turn(Pool& pool, const function::FunctionPtr& function, async::Instant now, bool yields);
    void leave();

    Pool& pool_;
    const function::FunctionPtr& function_;
    async::Instant asked_;
    std::optional<async::Condition> changed_;  ///< while it waits
    Ticket ticket_ = 0;
    Slot slot_ = 0;
    Start start_ = Start::warm;
    bool served_ = false;
    bool wake_ = false;
    std::optional<base::Error> refused_;
};

inline Pool::Turn Pool::ask(const function::FunctionPtr& function, async::Instant now, bool yields) {
    return {*this, function, now, yields};
}

}  // namespace shallop::pool
