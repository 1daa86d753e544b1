// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/function/resource.h>
#include <shallop/instance/launcher.h>
#include <shallop/shim/door.h>

#include <algorithm>
#include <optional>

namespace shallop::instance {

using base::Error;
using base::Fault;

/// A launch that somebody waits for. make() reports into it as long as it is listed; unwinding takes it off the list and, unless the
/// instance was handed over, leaves the container to the Janitor.
struct Launcher::Attempt {
    Attempt(Launcher& l, std::string i) : launcher(l), instance(std::move(i)), changed(l.executor_) {
        launcher.attempts_[instance] = this;
        launcher.janitor_.adopt(instance);
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt() {
        launcher.attempts_.erase(instance);
        // Where create is still under way, make() sees that nobody waits and retires what it made.
        if (!handed_over && (!container.empty() || failure)) launcher.janitor_.retire(instance, container);
        if (!handed_over && code != nullptr) code->drop(instance);
    }

    Launcher& launcher;
    std::string instance;
    std::string container;
    std::optional<Error> failure;
    std::optional<shim::Door> door;
    async::Condition changed;
    source::CodeStore* code = nullptr;  ///< where it has a place for code
    bool handed_over = false;
};

Launcher::Launcher(Settings settings, docker::Engine& engine, Janitor& janitor, http::Roster& roster,
                   base::IdSource& ids, async::Clock& clock, base::Log& log, async::Executor executor)
    : settings_(std::move(settings)),
      engine_(engine),
      janitor_(janitor),
      roster_(roster),
      ids_(ids),
      clock_(clock),
      log_(log),
      executor_(executor),
      starts_(executor, settings_.starts_in_flight),
      tasks_(executor, log),
      renewals_(executor, log) {}

namespace {

Task<Result<async::Semaphore::Permit>> take_permit(async::Semaphore& starts) { co_return co_await starts.acquire(); }

Task<void> failure_of(std::optional<Error>& failure, async::Condition& changed) {
    while (!failure) co_await changed.wait();
}

Task<void> accept_into(shim::Door& door, Instant deadline,
                       std::optional<Result<std::unique_ptr<shim::Channel>>>& into) {
    into.emplace(co_await door.accept(deadline));
}

}  // namespace

Task<Result<std::unique_ptr<Instance>>> Launcher::launch(function::FunctionPtr function, Instant deadline,
                                                         std::function<void()> running) {
    auto instance = co_await connected(std::move(function), deadline);
    if (!instance) co_return instance;
    if (running) running();
    auto& made = **instance;
    const auto given = co_await give_secrets(made);
    if (!given) co_return given.error();
    contract::Surroundings around{*made.channel_, made.function_.get(), clock_, log_, executor_, roster_};
    around.kill_grace = settings_.kill_grace;
    around.spool_dir = settings_.spool_dir;
    around.buffers = buffers_;
    if (settings_.output) {
        around.output = [output = settings_.output, &made](std::string line) {
            output(*made.function_, std::move(line));
        };
    }
    made.driver_ = contract::make_driver(std::move(around));
    const auto ready = co_await made.driver_->prepare(deadline);
    if (!ready) co_return ready.error();
    if (!made.function_->spec.source || function::is_generic(made.function_->spec)) co_return instance;
    auto loaded = co_await made.driver_->become(*made.function_, deadline);
    if (!loaded) co_return loaded.error();
    made.announced_ = std::move(*loaded);
    co_return instance;
}

Task<Result<std::unique_ptr<Instance>>> Launcher::specialize(std::unique_ptr<Instance> generic,
                                                             function::FunctionPtr function, Instant deadline) {
    const auto filled = co_await fill(*function, generic->id_);
    if (!filled) co_return filled.error();
    // What the driver refers to until it knows the new one must not end before.
    const auto before = std::exchange(generic->function_, std::move(function));
    const auto given = co_await give_secrets(*generic);
    if (!given) co_return given.error();
    auto loaded = co_await generic->driver_->become(*generic->function_, deadline);
    if (!loaded) co_return loaded.error();
    generic->announced_ = std::move(*loaded);
    co_return generic;
}

/// Makes the instance's place for code, and fills it where the code is known.
Task<base::Status> Launcher::place_code(const function::Function& function, const std::string& instance) {
    if (settings_.code == nullptr || settings_.host_code_dir.empty()) {
        co_return Error(
            Fault::launch_failed,
            "functions from source need the data directory on the engine's host: mount it as a volume or from there");
    }
    const auto place = settings_.code->make_place(instance);
    if (!place) co_return place;
    if (function::is_generic(function.spec)) co_return base::Status();
    co_return co_await fill(function, instance);
}

/// The code, and beside it the packages that it asks for.
Task<base::Status> Launcher::fill(const function::Function& function, const std::string& instance) {
    const auto& source = *function.spec.source;
    const auto filled = co_await settings_.code->fill(instance, source.code);
    if (!filled || source.packages.empty()) co_return filled;
    co_return co_await settings_.code->fill(instance, source.packages);
}

/// An instance whose shim has said hello.
Task<Result<std::unique_ptr<Instance>>> Launcher::connected(function::FunctionPtr function, Instant deadline) {
    if (settings_.host_run_dir.empty()) {
        co_return Error(Fault::engine_down,
                        "the engine has not been reached yet, so the run directory's path on the host is not known");
    }
    auto permit_task = take_permit(starts_);
    auto permit = co_await async::within(clock_, deadline, std::move(permit_task));
    if (!permit) co_return Error(Fault::timed_out, "no start became free before limits.timeout");
    const auto mounts = settings_.may_mount ? settings_.may_mount(function->spec) : base::Status();
    if (!mounts) co_return Error(Fault::launch_failed, mounts.error().detail);

    Attempt attempt(*this, ids_.next());
    auto door = shim::Door::open(settings_.run_dir + "/i", attempt.instance, settings_.run_dir + "/shim/shallop-shim",
                                 executor_, clock_, log_);
    if (!door) co_return door.error();
    attempt.door.emplace(std::move(*door));

    if (function->spec.source) {
        attempt.code = settings_.code;
        const auto placed = co_await place_code(*function, attempt.instance);
        if (!placed) co_return placed.error();
    }

    auto spec = container_for(*function, settings_, attempt.instance);
    tasks_.spawn("launch", make(attempt.instance, std::move(spec), std::move(*permit)));
    auto channel = co_await await_shim(attempt, deadline);
    if (!channel) co_return channel.error();
    attempt.handed_over = true;
    co_return std::make_unique<Instance>(attempt.instance, attempt.container, std::move(function), std::move(*channel),
                                         janitor_, attempt.code);
}

/// Creates and starts, whoever still waits: a call to the engine that is cut off leaves something nobody knows of.
Task<void> Launcher::make(std::string instance, docker::ContainerSpec spec, async::Semaphore::Permit) {
    const auto name = "shallop-" + instance;
    auto created = co_await engine_.create(std::move(spec), name, clock_.now() + settings_.create_timeout);
    auto waiting = attempts_.find(instance);
    if (!created || waiting == attempts_.end()) {
        // An answer that was lost may still have made one: the Janitor looks for its label.
        if (created) {
            janitor_.discard(instance, *created);
        } else if (waiting == attempts_.end()) {
            janitor_.retire(instance, "");
        } else {
            waiting->second->failure = created.error();
            waiting->second->changed.notify_all();
        }
        co_return;
    }
    const std::string container = *created;
    waiting->second->container = container;
    const auto started = co_await engine_.start(container, clock_.now() + settings_.start_timeout);
    if (started) co_return;
    waiting = attempts_.find(instance);
    if (waiting == attempts_.end())
        co_return;  // connected meanwhile, or given up: the instance's end is known elsewhere
    waiting->second->failure = started.error();
    waiting->second->changed.notify_all();
}

Task<Result<std::unique_ptr<shim::Channel>>> Launcher::await_shim(Attempt& attempt, Instant deadline) {
    const auto own = clock_.now() + settings_.create_timeout + settings_.start_timeout;
    const auto latest = std::min(deadline, own);
    std::optional<Result<std::unique_ptr<shim::Channel>>> channel;
    auto accepting = accept_into(*attempt.door, latest, channel);
    auto failing = failure_of(attempt.failure, attempt.changed);
    co_await async::race(std::move(accepting), std::move(failing));
    if (channel && *channel) co_return std::move(*channel);
    if (attempt.failure) co_return *attempt.failure;
    if (latest == deadline) co_return Error(Fault::timed_out, "the container did not start before limits.timeout");
    co_return Error(Fault::launch_failed,
                    "the container started but its first process did not connect: " + channel->error().detail);
}

Task<void> Launcher::drain(Instant deadline) {
    auto joined = tasks_.join();
    auto timer = clock_.sleep_until(deadline);
    if (co_await async::race(std::move(joined), std::move(timer)) == 0) co_return;
    tasks_.cancel();
    renewals_.cancel();
    co_await tasks_.join();
    co_await renewals_.join();
}

}  // namespace shallop::instance
