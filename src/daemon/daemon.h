// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/audit.h>
#include <shallop/access/tokens.h>
#include <shallop/api/admin.h>
#include <shallop/api/gateway.h>
#include <shallop/build/builder.h>
#include <shallop/daemon/settings.h>
#include <shallop/docker/curl_engine.h>
#include <shallop/http/listener.h>
#include <shallop/http/roster.h>
#include <shallop/instance/launcher.h>
#include <shallop/invoke/invoker.h>
#include <shallop/pool/pool.h>
#include <shallop/queue/jobs.h>
#include <shallop/queue/queue.h>
#include <shallop/registry/registry.h>
#include <shallop/secret/vault.h>
#include <shallop/store/events.h>
#include <shallop/store/store.h>
#include <shallop/trigger/engine_triggers.h>
#include <shallop/trigger/queue_runs.h>
#include <shallop/trigger/scheduler.h>

#include <boost/asio/signal_set.hpp>

#include <map>
#include <memory>
#include <string>

#include "daemon/functions_folder.h"
#include "daemon/memory_ceiling.h"
#include "daemon/memory_reserve.h"

namespace shallop::daemon {

using async::Task;

/// What must be there before anything can be wired: made once, blocking, by prepare().
struct Ground {
    std::unique_ptr<store::Store> store;
    std::unique_ptr<source::CodeStore> code;
    access::FirstToken first_token;
    async::BlockingPool* blocking = nullptr;
};

/// The composition root: owns every part as a member, in the order of their dependencies, and their common end.
class Daemon {
public:
    Daemon(Loaded loaded, Ground ground, base::Log& log, async::Executor executor);

    /// Loads, listens, and runs until a signal; then stops in two stages. Returns the exit status.
    Task<int> run();

private:
    Task<base::Status> listen();
    void register_gauges();
    api::DaemonFacts facts();
    void register_pool_gauges();
    void register_queue_gauges();
    queue::Settings queue_settings() const;
    queue::Queue::Parts queue_parts(async::BlockingPool& blocking);
    queue::Jobs::Parts job_parts();
    trigger::Scheduler::Parts scheduler_parts();
    trigger::EngineTriggers::Parts trigger_parts();
    api::Instances instances();
    api::Admin::Parts admin_parts();
    void note_folder(const function::FunctionPtr& before, const function::FunctionPtr& after);
    instance::Settings launcher_settings();
    build::Settings builder_settings();
    pool::Totals totals() const;
    registry::Settings registry_settings();
    secret::Settings secret_settings() const;
    secret::Vault::Parts secret_parts(async::BlockingPool& blocking);
    function::SecretOpener secret_opener();
    void supply_runtimes();
    void changed(const function::FunctionPtr& before, const function::FunctionPtr& after);
    base::Status reload();
    void note_signal(const base::Status& done);
    base::Status load_tls();
    void warn_of_certificate() const;
    Task<void> watch_certificate();
    Task<void> start_ahead();
    Task<void> find_host_paths();
    void keep_from_functions(const std::vector<docker::ContainerMount>& mounts);
    Task<void> watch_engine();
    Task<void> watch_memory();
    Task<void> watch_reserve();
    http::Pressure pressure() const;
    void look_at_ceiling();
    void give_back_heap();
    Task<void> keep(const char* name, std::function<Task<void>()> begin);
    Task<void> tidy_code();
    std::set<std::string> images_in_use() const;
    Task<void> wait_for_signal();
    Task<void> stop(base::Duration grace);
    void apply_log_level();

    MemoryReserve reserve_{8 * 1024 * 1024};
    MemoryCeiling ceiling_;
    http::Pressure below_ceiling_ = http::Pressure::none;
    double resident_ = 0;  ///< after heap was given back
    Settings settings_;
    std::vector<std::pair<std::string, std::string>> effective_;
    std::vector<std::string> words_;  ///< the command line
    base::Log& log_;
    async::SteadyClock clock_;
    base::RandomIds ids_;
    async::Executor executor_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<source::CodeStore> code_;
    secret::Vault vault_;
    observe::Metrics metrics_;
    docker::CurlEngine engine_;
    observe::Invocations invocations_;
    observe::LogBook log_book_;
    instance::Janitor janitor_;
    http::Roster roster_;  ///< of connections into containers
    instance::Launcher launcher_;
    build::Builder builder_;
    pool::Pool pool_;
    registry::Registry registry_;
    std::unique_ptr<FunctionsFolder> folder_;  ///< null: none is served
    invoke::Invoker invoker_;
    store::Events events_;
    queue::Queue queue_;
    queue::Jobs jobs_;
    trigger::QueueRuns queue_runs_;
    trigger::Scheduler scheduler_;
    store::Triggers stored_triggers_;
    trigger::EngineTriggers triggers_;
    store::Tokens stored_tokens_;
    access::Tokens tokens_;
    access::Audit audit_;
    api::Gateway gateway_;
    api::Admin admin_;
    http::Listener gateway_listener_;
    http::Listener admin_listener_;
    boost::asio::basic_signal_set<async::Executor> signals_;
    http::Tls::Time certificate_until_{};
    bool engine_up_ = false;
    bool loaded_ = false;
    bool run_dir_known_ = false;
    std::map<std::string, function::FunctionPtr> generics_;  ///< what waits for code, by runtime
    async::TaskGroup tasks_;                                 // last: its tasks use everything above
};

/// The code store's directory in the data directory.
inline constexpr const char* code_part = "/code";

/// Makes the directories (data_dir and run_dir 0700), takes the data directory's lock, opens the store, makes the first token, writes the shim.
/// Faults: storage, conflict, invalid; each says what to do.
base::Result<Ground> prepare(const Settings& settings, async::BlockingPool& blocking, base::Log& log);

/// The id of the container we run in, from /proc/self/mountinfo; "" outside one.
std::string own_container(const std::string& mountinfo);

/// Where the engine sees `path` of the container that `mounts` describes; "" if no mount holds it.
std::string host_path(const std::vector<docker::ContainerMount>& mounts, const std::string& path);

/// The machine's memory and what of it can still be had, from the text of /proc/meminfo; 0 where that does not say.
struct Memory {
    base::Bytes total = 0, available = 0;
};
Memory read_memory(const std::string& meminfo);

/// Asks the kernel to spare this process when the machine's memory is out: what it starts goes before. That needs CAP_SYS_RESOURCE, which root has
/// on a host and not in a container. What an operator has set lower stays. Returns the oom_score_adj that holds.
int spare_from_oom_killer();

/// Of this process.
double resident_bytes();

/// Gives back what only the start needed: free heap, and pages of code, of which those in use come back from the page cache one by
/// one. Two thirds of a starting daemon's resident memory is initialisation code of libraries that never runs again.
void trim_memory();

}  // namespace shallop::daemon
