// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <shallop/async/race.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <utility>

namespace shallop::daemon {
namespace {

constexpr auto host_inspect_timeout = std::chrono::seconds(5);
constexpr auto ping_timeout = std::chrono::seconds(2);
constexpr auto ping_pause = std::chrono::seconds(5);
constexpr auto ping_while_down =
    std::chrono::milliseconds(500);  ///< both its pause and its timeout: its return is soon seen
constexpr auto last_words = std::chrono::milliseconds(500);
constexpr auto memory_pause = std::chrono::seconds(1);
constexpr auto tidy_pause = std::chrono::minutes(10);
constexpr auto sweep_grace = std::chrono::seconds(5);

instance::Janitor::Settings janitor_settings(const store::Store& store) {
    instance::Janitor::Settings own;
    own.daemon_id = store.daemon_id();
    return own;
}

docker::EngineSettings engine_settings(const Settings& settings, observe::Metrics& metrics) {
    docker::EngineSettings own;
    own.on_call = [&metrics](const char* verb, bool failed, base::Duration took) {
        metrics.engine_call(verb, failed, took);
    };
    own.host = settings.docker_host;
    own.config_file = settings.docker_config;
    return own;
}

std::string read_all(const char* path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

/// What instances may be promised together by default: nearly all the machine has.
base::Bytes most_memory() { return read_memory(read_all("/proc/meminfo")).total / 10 * 9; }

}  // namespace

Daemon::Daemon(Loaded loaded, Ground ground, base::Log& log, async::Executor executor)
    : settings_(std::move(loaded.settings)),
      effective_(std::move(loaded.effective)),
      words_(std::move(loaded.words)),
      log_(log),
      executor_(executor),
      store_(std::move(ground.store)),
      code_(std::move(ground.code)),
      vault_(secret_settings(), secret_parts(*ground.blocking), executor),
      engine_(engine_settings(settings_, metrics_), executor, clock_, log),
      log_book_(executor),
      janitor_(janitor_settings(*store_), engine_, clock_, log, executor),
      roster_(executor),
      launcher_(launcher_settings(), engine_, janitor_, roster_, ids_, clock_, log, executor),
      builder_(builder_settings(), engine_, launcher_, clock_, log, executor),
      pool_(totals(), launcher_, clock_, log, executor),
      registry_(registry_settings(), *store_, engine_, clock_, log, executor),
      folder_(FunctionsFolder::of(settings_.functions, {registry_, *code_, *ground.blocking, log_book_, clock_, log},
                                  executor)),
      invoker_(pool_, clock_, log, invocations_, log_book_, metrics_, executor),
      events_(*store_, executor, log),
      queue_(queue_settings(), queue_parts(*ground.blocking), executor),
      jobs_(job_parts()),
      queue_runs_(queue_),
      scheduler_({}, scheduler_parts(), executor),
      stored_triggers_(*store_),
      triggers_({}, trigger_parts(), executor),
      stored_tokens_(*store_),
      tokens_(std::move(ground.first_token), stored_tokens_, ids_, clock_, executor),
      audit_(settings_.data_dir + "/audit.log", *ground.blocking, clock_, log),
      gateway_(registry_, invoker_, queue_, ids_, log, metrics_, clock_, secret_opener(),
               *api::TrustedProxies::read(settings_.trusted_proxies)),
      admin_({settings_.admin_hosts}, facts(), admin_parts()),
      gateway_listener_(executor, clock_, log, gateway_, settings_.http),
      admin_listener_(executor, clock_, log, admin_, settings_.http),
      signals_(executor, SIGTERM, SIGINT, SIGHUP),
      tasks_(executor, log) {
    registry_.observe(
        [this](const function::FunctionPtr& before, const function::FunctionPtr& after) { changed(before, after); });
    pool_.on_cpu([this](const std::string& function, base::Duration used) { metrics_.cpu(function, used); });
    register_gauges();
}

registry::Settings Daemon::registry_settings() {
    registry::Settings own;
    own.bind_roots = settings_.bind_roots;
    own.bind_never.insert(own.bind_never.end(), {settings_.data_dir, settings_.run_dir});
    if (settings_.docker_host.starts_with("unix://")) own.bind_never.push_back(settings_.docker_host.substr(7));
    own.code = code_.get();
    own.folder = settings_.functions;
    own.build_runtime = [this](std::string runtime, std::string function) {
        return builder_.runtime(std::move(runtime), std::move(function));
    };
    own.build_image = [this](std::string image, std::string code, std::string function) {
        return builder_.image(std::move(image), std::move(code), std::move(function));
    };
    own.owner = store_->daemon_id();
    own.has_secret = [this](const std::string& name) { return vault_.has(name); };
    own.installed = [this](function::FunctionPtr function) { return builder_.known_packages(std::move(function)); };
    own.install = [this](function::FunctionPtr function) { return builder_.packages(std::move(function)); };
    own.try_code = [this](function::FunctionPtr function) { return pool_.try_code(std::move(function)); };
    return own;
}

instance::Settings Daemon::launcher_settings() {
    instance::Settings own;
    own.run_dir = settings_.run_dir;
    own.daemon_id = store_->daemon_id();
    own.starts_in_flight = static_cast<std::size_t>(settings_.starts_in_flight);
    own.spool_dir = settings_.data_dir;
    own.code = code_.get();
    own.output = [this](const function::Function& function, std::string line) {
        log_book_.add(function.spec.name, {0, clock_.wall(), "stderr", "", std::move(line)});
    };
    own.open_secret = secret_opener();
    own.may_mount = [this](const function::Spec& spec) { return registry_.check_mounts(spec); };
    return own;
}

build::Settings Daemon::builder_settings() {
    build::Settings own;
    own.code = code_.get();
    own.owner = store_->daemon_id();
    own.network = settings_.build_network;
    for (const auto& variable : settings_.build_env) {
        const auto end = variable.find('=');
        own.env[variable.substr(0, end)] = end == variable.npos ? "" : variable.substr(end + 1);
    }
    own.line = [this](const std::string& function, std::string line) {
        log_book_.add(function, {0, clock_.wall(), "build", "", std::move(line)});
    };
    return own;
}

pool::Totals Daemon::totals() const {
    pool::Totals totals;
    totals.instances = static_cast<int>(settings_.max_instances);
    totals.launches = static_cast<int>(settings_.starts_in_flight);
    totals.memory = settings_.max_memory != 0 ? settings_.max_memory : most_memory();
    return totals;
}

/// For each runtime that a function has, instances that wait for code: of the image that the newest of these functions has.
void Daemon::supply_runtimes() {
    if (!run_dir_known_) return;  // start_ahead() will
    std::map<std::string, function::FunctionPtr> newest;
    for (const auto& [name, function] : registry_.catalog()->functions) {
        if (!function->spec.source || function->spec.image != function::runtime_image(function->spec.source->runtime))
            continue;
        auto& one = newest[function->spec.source->runtime];
        if (!one || one->updated < function->updated) one = function;
    }
    std::erase_if(generics_, [&](const auto& entry) {
        const bool unused = !newest.contains(entry.first);
        if (unused) pool_.withdraw_generic(entry.first);
        return unused;
    });
    for (const auto& [runtime, example] : newest) {
        auto& generic = generics_[runtime];
        if (generic && generic->image.id == example->image.id) continue;
        auto next = function::generic_for(*example, static_cast<int>(settings_.runtime_pool));
        next.version = generic ? generic->version + 1 : 1;
        generic = std::make_shared<const function::Function>(std::move(next));
        pool_.provide(generic, static_cast<int>(settings_.runtime_pool_most));
    }
}

api::DaemonFacts Daemon::facts() {
    api::DaemonFacts facts;
    facts.version = SHALLOP_VERSION;
    facts.daemon_id = store_->daemon_id();
    facts.gateway_address = settings_.listen;
    facts.admin_address = settings_.admin_listen;
    facts.started = clock_.now();
    facts.ready = [this] { return loaded_ && engine_up_ && run_dir_known_ && (!folder_ || folder_->begun()); };
    facts.not_ready_because = [this]() -> std::string {
        if (!loaded_ || (engine_up_ && run_dir_known_)) return "the functions are being loaded";
        return "the engine at " + settings_.docker_host + " does not answer";
    };
    facts.reload = [this] { return reload(); };
    if (folder_) facts.folder = [this] { return folder_->view(); };
    facts.settings = effective_;
    return facts;
}

Task<int> Daemon::run() {
    apply_log_level();
    const auto ready = co_await listen();
    if (!ready) {
        log_.error("cannot start", {{"reason", ready.error().detail}});
        co_return 1;
    }
    tasks_.spawn("janitor", janitor_.run());
    tasks_.spawn("pool", pool_.run());
    tasks_.spawn("memory", keep("memory", [this] { return watch_memory(); }));
    tasks_.spawn("reserve", keep("reserve", [this] { return watch_reserve(); }));
    tasks_.spawn("code", tidy_code());
    tasks_.spawn("images", builder_.keep_collecting([this] { return images_in_use(); }));
    tasks_.spawn("connections into containers", roster_.keep_sweeping(clock_));
    tasks_.spawn("engine watch", keep("engine watch", [this] { return watch_engine(); }));
    tasks_.spawn("first instances", start_ahead());
    tasks_.spawn("queue", keep("queue", [this] { return queue_.run(); }));
    tasks_.spawn("jobs", keep("jobs", [this] { return jobs_.run(); }));
    tasks_.spawn("schedules", keep("schedules", [this] { return scheduler_.run(); }));
    tasks_.spawn("engine triggers", keep("engine triggers", [this] { return triggers_.run(); }));
    tasks_.spawn("gateway", keep("gateway", [this] { return gateway_listener_.run(); }));
    tasks_.spawn("admin", keep("admin", [this] { return admin_listener_.run(); }));
    tasks_.spawn("certificate", watch_certificate());
    co_await wait_for_signal();
    auto stopping = stop(settings_.grace);
    auto again = wait_for_signal();
    if (co_await async::race(std::move(stopping), std::move(again)) == 1) {
        log_.warn("a second signal: what runs is cut");
        co_await stop(base::Duration::zero());
    }
    tasks_.cancel();
    co_await tasks_.join();
    co_await events_.drain();  // what a cancelled task has asked for is still written
    log_.info("stopped");
    co_return 0;
}

Task<base::Status> Daemon::listen() {
    if (const auto secrets = co_await vault_.load(); !secrets) co_return secrets;
    const auto loaded = co_await registry_.load();
    if (!loaded) co_return loaded;
    if (const auto jobs = co_await jobs_.load(); !jobs) co_return jobs;
    if (const auto queued = co_await queue_.load(); !queued) co_return queued;
    if (const auto scheduled = co_await scheduler_.load(); !scheduled) co_return scheduled;
    if (const auto triggers = co_await triggers_.load(); !triggers) co_return triggers;
    if (const auto tokens = co_await tokens_.load(); !tokens) co_return tokens;
    loaded_ = true;
    if (const auto secured = load_tls(); !secured) co_return secured;
    if (const auto bound = gateway_listener_.bind(settings_.listen); !bound) co_return bound;
    if (const auto bound = admin_listener_.bind(settings_.admin_listen); !bound) co_return bound;
    log_.info("listening", {{"gateway", gateway_listener_.address()},
                            {"admin", admin_listener_.address()},
                            {"functions", registry_.catalog()->functions.size()},
                            {"version", SHALLOP_VERSION},
                            {"daemon", store_->daemon_id()}});
    co_return base::Status();
}

/// What functions want kept warm is started once it can be: a start before that fails, and a failure makes the next one wait.
Task<void> Daemon::start_ahead() {
    co_await find_host_paths();
    run_dir_known_ = true;
    supply_runtimes();
    for (const auto& [name, function] : registry_.catalog()->functions) pool_.deploy(function);
    if (folder_) co_await folder_->run();
}

/// The engine mounts host paths: inside a container ours are other ones, which the engine itself can tell.
Task<void> Daemon::find_host_paths() {
    const auto self = own_container(read_all("/proc/self/mountinfo"));
    while (!self.empty()) {
        const auto found = co_await engine_.inspect(self, clock_.now() + host_inspect_timeout);
        if (found) {
            keep_from_functions(found->mounts);
            const auto path = host_path(found->mounts, settings_.run_dir);
            if (!path.empty()) {
                log_.info("running in a container", {{"container", self}, {"run_dir_on_host", path}});
                launcher_.set_host_run_dir(path);
                const auto data = host_path(found->mounts, settings_.data_dir);
                const bool volume = std::any_of(found->mounts.begin(), found->mounts.end(), [&](const auto& mount) {
                    return mount.type == "volume" && data.starts_with(mount.source);
                });
                if (!data.empty()) launcher_.set_host_code_dir(data + code_part, volume);
                co_return;
            }
            log_.error("no function can start: mount a host directory at the run directory",
                       {{"run_dir", settings_.run_dir}, {"for_example", "-v /run/shallop:" + settings_.run_dir}});
            co_return;
        }
        if (found.error().fault == base::Fault::not_found) break;  // another engine's container: paths as we see them
        co_await clock_.sleep_for(std::chrono::seconds(1));
    }
    launcher_.set_host_run_dir(settings_.run_dir);
    launcher_.set_host_code_dir(settings_.data_dir + code_part, false);
}

/// Our volumes are ours, whatever way a function might name them.
void Daemon::keep_from_functions(const std::vector<docker::ContainerMount>& mounts) {
    std::vector<std::string> volumes, paths;
    for (const auto& mount : mounts) {
        if (mount.type == "volume") volumes.push_back(mount.name);
    }
    for (const auto& ours : {settings_.data_dir, settings_.run_dir}) {
        const auto path = host_path(mounts, ours);
        if (!path.empty()) paths.push_back(path);
    }
    registry_.never_mount(volumes, paths);
}

Task<void> Daemon::watch_engine() {
    bool trimmed = false;
    for (;;) {
        const base::Duration patience = engine_up_ ? ping_timeout : ping_while_down;
        const auto answered = co_await engine_.ping(clock_.now() + patience);
        if (answered.has_value() != engine_up_) {
            engine_up_ = answered.has_value();
            if (engine_up_) {
                log_.info("engine answers", {{"host", settings_.docker_host}});
            } else {
                log_.warn("engine does not answer",
                          {{"host", settings_.docker_host}, {"reason", answered.error().detail}});
            }
        }
        if (!std::exchange(trimmed, true)) trim_memory();
        const base::Duration pause = engine_up_ ? ping_pause : ping_while_down;
        co_await clock_.sleep_for(pause);
    }
}

/// Idle instances go before the kernel kills somebody.
Task<void> Daemon::watch_memory() {
    for (;;) {
        co_await clock_.sleep_for(memory_pause);
        if (pool_.ledger().counts().instances() == 0) continue;
        const auto memory = read_memory(read_all("/proc/meminfo"));
        const auto least = memory.total / 20;
        if (memory.available < least) pool_.relieve(least - memory.available);
    }
}

Task<void> Daemon::tidy_code() {
    for (;;) {
        co_await clock_.sleep_for(tidy_pause);
        co_await registry_.collect_code(jobs_.functions());
    }
}

Task<void> Daemon::wait_for_signal() {
    for (;;) {
        const int signal = co_await signals_.async_wait(async::use_task);
        if (signal != SIGHUP) co_return;
        const auto done = reload();
        note_signal(done);
        if (!done) log_.error("not reloaded", {{"reason", done.error().detail}});
    }
}

/// Two stages: what runs may end within `grace` while new requests get 503; then the rest is cut and every container removed.
Task<void> Daemon::stop(base::Duration grace) {
    log_.info("stopping", {{"running", invoker_.running()}, {"grace", base::format_duration(grace)}});
    gateway_.refuse_new();
    queue_.wind_down();
    pool_.wind_down();
    co_await invoker_.drain(clock_.now() + grace);
    co_await queue_.drain();
    auto gateway_drained = gateway_listener_.drain(clock_.now() + last_words);
    auto admin_drained = admin_listener_.drain(clock_.now() + last_words);
    co_await async::both(std::move(gateway_drained), std::move(admin_drained));
    co_await pool_.drain(clock_.now());
    co_await launcher_.drain(clock_.now() + sweep_grace);
    co_await janitor_.drain(clock_.now() + sweep_grace);
}

}  // namespace shallop::daemon
