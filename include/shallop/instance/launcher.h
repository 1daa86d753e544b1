// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/semaphore.h>
#include <shallop/async/task_group.h>
#include <shallop/base/id.h>
#include <shallop/base/log.h>
#include <shallop/contract/driver.h>
#include <shallop/docker/engine.h>
#include <shallop/function/event.h>
#include <shallop/function/secret.h>
#include <shallop/function/spec.h>
#include <shallop/instance/janitor.h>
#include <shallop/shim/channel.h>
#include <shallop/source/code_store.h>

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace shallop::instance {

using async::Instant;
using async::Task;
using base::Result;

struct Settings {
    std::string run_dir;  ///< ours: 0700; shim/shallop-shim, and below i/ a directory for each instance
    std::string
        host_run_dir;       ///< the same as the engine sees it; differs when we run in a container; "" = not known yet
    std::string daemon_id;  ///< the label shallop.daemon
    /// Asked before each container: may this function's mounts still be made? Empty: they may.
    std::function<base::Status(const function::Spec&)> may_mount;
    /// Gives the secrets that functions name; empty: there are none.
    function::SecretOpener open_secret{};
    std::size_t starts_in_flight = 5;
    base::Duration create_timeout = std::chrono::seconds(10);
    base::Duration start_timeout = std::chrono::seconds(10);
    base::Duration kill_grace = std::chrono::seconds(2);  ///< between TERM and KILL of a process that had its time
    std::string spool_dir = "/tmp";                       ///< for chunked bodies until their length is known
    source::CodeStore* code = nullptr;  ///< outlives the Launcher; null: functions from source are refused
    std::string host_code_dir{};        ///< its directory as the engine sees it; "" = the engine cannot
    bool code_in_volume = false;        ///< that is in a volume, and so in the engine's own root
    /// Gets what long-lived servers write, line by line; may be empty.
    std::function<void(const function::Function&, std::string line)> output{};
};

/// One container serving one function version, connected through its shim and ready for events. Destroying it closes the channel, which kills everything in it (by
/// construction: the shim exits), and hands the rest to the Janitor.
class Instance {
public:
    /// `code` holds the instance's place for code, which ends with it; null where it has none.
    Instance(std::string id, std::string container, function::FunctionPtr function,
             std::unique_ptr<shim::Channel> channel, Janitor& janitor, source::CodeStore* code = nullptr);
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    ~Instance();

    const std::string& id() const { return id_; }
    const function::Function& function() const { return *function_; }
    const std::string& container() const { return container_; }
    shim::Channel& channel() { return *channel_; }
    contract::Driver& driver() { return *driver_; }

    /// What the runtime said of the code that it has loaded; nothing where there is no runtime.
    const function::Announced& announced() const { return announced_; }

    /// Stops and wakes every process in it, through its shim: no engine is asked, and nothing is waited for.
    void pause() { channel_->signal_all(SIGSTOP); }
    void wake() { channel_->signal_all(SIGCONT); }

    /// The CPU time that everything in it has used since the last call; the first time, since its container began. Zero where
    /// that is not known, or the channel has closed. The Instance may end meanwhile. No answer within the channel's answer_timeout closes
    /// that: whoever has less patience with a container that is short of CPU cancels it, and is told all the next time.
    Task<base::Duration> cpu_since_last();

private:
    friend class Launcher;

    std::string id_, container_;
    function::FunctionPtr function_;
    std::unique_ptr<shim::Channel> channel_;
    Janitor& janitor_;
    source::CodeStore* code_;
    std::set<Instance*>* holders_ = nullptr;  ///< of secrets: the Launcher's, where this is one
    function::Announced announced_;
    std::shared_ptr<base::Duration> cpu_told_ = std::make_shared<base::Duration>();
    std::unique_ptr<contract::Driver> driver_;  // last: uses what is above
};

/// Makes instances: create, start, await the shim, and what the contract calls ready. Bounds the starts in flight: beyond 4 to 8 the engine only adds latency.
class Launcher {
public:
    /// `roster` gets the connections into containers; whoever owns it sweeps it.
    Launcher(Settings settings, docker::Engine& engine, Janitor& janitor, http::Roster& roster, base::IdSource& ids,
             async::Clock& clock, base::Log& log, async::Executor executor);

    /// An instance that is ready; for cgi that may be before the engine answers `start`.
    /// A launch that is cancelled or late goes on by itself to where its container can be given to the Janitor.
    /// Faults: launch_failed, not_found (the image is gone), engine_down, engine_refused, timed_out, shutting_down.
    /// `running` is called when the container runs and only its server is not ready yet; may be empty.
    Task<Result<std::unique_ptr<Instance>>> launch(function::FunctionPtr function, Instant deadline,
                                                   std::function<void()> running = {});

    /// An instance that waited for code becomes one of `function`: its place is filled, and its runtime loads what is there. It is
    /// what a launch of `function` would have made. Faults: function_failed (in the runtime's words), not_found (the code), timed_out, storage.
    Task<Result<std::unique_ptr<Instance>>> specialize(std::unique_ptr<Instance> generic,
                                                       function::FunctionPtr function, Instant deadline);

    /// Writes the value that a secret has now into every instance that has the secret, those that are being launched among them. Returns when each
    /// has it. One that cannot take it ends: it is never left with the old one. For one caller at a time.
    Task<void> renew_secret(std::string name);

    /// Where the engine sees the code store's directory; without it functions from source are refused.
    void set_host_code_dir(std::string path, bool in_volume) {
        settings_.host_code_dir = std::move(path);
        settings_.code_in_volume = in_volume;
    }

    /// The run directory as the engine sees it; launches are refused (engine_down) while it is not known.
    void set_host_run_dir(std::string path) { settings_.host_run_dir = std::move(path); }

    /// Waits until no launch is under way; cancels what remains at `deadline`.
    Task<void> drain(Instant deadline);

private:
    struct Attempt;
    Task<void> make(std::string instance, docker::ContainerSpec spec, async::Semaphore::Permit permit);
    Task<Result<std::unique_ptr<Instance>>> connected(function::FunctionPtr function, Instant deadline);
    Task<base::Status> give_secrets(Instance& instance);
    Task<void> renew_in(std::string instance, function::SecretFile secret);
    Task<base::Status> fill(const function::Function& function, const std::string& instance);
    Task<base::Status> place_code(const function::Function& function, const std::string& instance);
    Task<Result<std::unique_ptr<shim::Channel>>> await_shim(Attempt& attempt, Instant deadline);

    Settings settings_;
    docker::Engine& engine_;
    Janitor& janitor_;
    http::Roster& roster_;
    base::IdSource& ids_;
    async::Clock& clock_;
    base::Log& log_;
    async::Executor executor_;
    async::Semaphore starts_;
    std::shared_ptr<contract::BodyBuffers> buffers_ = contract::make_buffers();
    std::map<std::string, Attempt*> attempts_;  ///< those somebody waits for, by instance id
    std::set<Instance*> holders_;               ///< instances that have secrets
    async::TaskGroup tasks_;
    async::TaskGroup renewals_;
};

/// What the engine is asked for: pure, so that every default of reliability.md is tested as a value.
docker::ContainerSpec container_for(const function::Function& function, const Settings& settings,
                                    const std::string& instance);

}  // namespace shallop::instance
