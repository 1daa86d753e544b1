// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <shallop/base/memory.h>
#include <shallop/daemon/serve.h>

#include <boost/asio/co_spawn.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <sys/resource.h>

namespace shallop::daemon {
namespace {

std::optional<std::string> from_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

void log_effective(base::Log& log, const Loaded& loaded) {
    std::string line;
    for (const auto& [name, value] : loaded.effective) {
        line.append(line.empty() ? "" : " ").append(name).append("=");
        base::append_logfmt(line, value);
    }
    log.info("settings", {{"effective", line}});
}

/// Every connection and every running function needs descriptors. The usual soft limit of 1024 is there for programs
/// that use select(2), which this one does not.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(Loaded loaded, base::Log& log) {
    // One thread runs it and uses its sockets; others only post to it.
    boost::asio::io_context loop(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO);
    // SQLite, two archives that come in, and code that goes into an instance: none waits for another.
    async::BlockingPool blocking(4);
    auto ground = prepare(loaded.settings, blocking, log);
    if (!ground) {
        log.error("cannot start", {{"reason", ground.error().detail}});
        return 1;
    }
    log.info("memory", {{"oom_score_adj", spare_from_oom_killer()}});
    Daemon daemon(std::move(loaded), std::move(*ground), log, loop.get_executor());
    int status = 1;
    boost::asio::co_spawn(loop, daemon.run(), [&](const std::exception_ptr& thrown, int result) {
        status = thrown ? 1 : result;
        if (thrown) log.error("the daemon broke");
        loop.stop();
    });
    // An exception out of a handler, which no task has caught, is want of memory. The loop goes on where it was.
    for (;;) {
        try {
            loop.run();
            return status;
        } catch (const std::bad_alloc&) {
            base::tell_new_handler();
            log.error("short of memory", {{"task", "loop"}});
        }
    }
}

}  // namespace

int serve(std::span<const std::string> args) {
    const auto loaded = load_settings(args, from_environment);
    if (!loaded) {
        std::fprintf(stderr, "shallop serve: %s\n", loaded.error().detail.c_str());
        return 2;
    }
    if (loaded->help) {
        std::fputs(settings_help().c_str(), stdout);
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    base::Log log;
    log_effective(log, *loaded);
    return run(*loaded, log);
}

}  // namespace shallop::daemon
