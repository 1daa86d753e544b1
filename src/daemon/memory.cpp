// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <new>
#include <utility>

namespace shallop::daemon {
namespace {

constexpr auto reserve_pause = std::chrono::milliseconds(200);
constexpr int looks_apart = 5;
constexpr double worth_trimming = 512 * 1024;
constexpr double close_below = 0.10, refuse_below = 0.05, stop_below = 0.025;  ///< of the control group's limit

}  // namespace

int spare_from_oom_killer() {
    constexpr int spared = -500;  // as the engine's own
    constexpr const char* path = "/proc/self/oom_score_adj";
    int score = 0;
    std::ifstream(path) >> score;
    if (score <= spared) return score;
    std::ofstream(path) << spared << std::flush;
    std::ifstream(path) >> score;
    return score;
}

double resident_bytes() {
    std::ifstream file("/proc/self/statm");
    double size = 0, resident = 0;
    file >> size >> resident;
    return resident * 4096;
}

/// A task that the daemon cannot do without begins again where it has ended for want of memory.
Task<void> Daemon::keep(const char* name, std::function<Task<void>()> begin) {
    for (;;) {
        try {
            co_await begin();
            co_return;
        } catch (const std::bad_alloc&) {
            log_.error("short of memory", {{"task", name}});
        }
        co_await clock_.sleep_for(reserve_pause);
    }
}

http::Pressure Daemon::pressure() const {
    return std::max(below_ceiling_, reserve_.given_up() ? http::Pressure::refuse : http::Pressure::none);
}

/// The kernel kills at the ceiling: what is left below it is for what is under way.
void Daemon::look_at_ceiling() {
    const auto left = ceiling_.left();
    const auto now = left < stop_below     ? http::Pressure::stop
                     : left < refuse_below ? http::Pressure::refuse
                     : left < close_below  ? http::Pressure::close
                                           : http::Pressure::none;
    if (std::exchange(below_ceiling_, now) == now) return;
    constexpr std::array words{"there is memory again", "replies end their connections", "requests are refused",
                               "no connection is accepted"};
    log_.warn("memory below the limit of the control group",
              {{"left", std::to_string(static_cast<int>(left * 100)) + "%"},
               {"so", words.at(static_cast<std::size_t>(now))}});
}

/// Heap that work has left behind in pieces goes back to the kernel when nothing runs.
void Daemon::give_back_heap() {
    const auto now = resident_bytes();
    resident_ = std::min(resident_, now);
    if (invoker_.running() > 0 || now < resident_ + worth_trimming) return;
    ::malloc_trim(0);
    resident_ = resident_bytes();
}

/// Requests are refused for as long as the reserve is given up: a fifth of a second at least, in which what is under way can end.
Task<void> Daemon::watch_reserve() {
    bool told = false;
    for (int turn = 0;; ++turn) {
        co_await clock_.sleep_for(reserve_pause);
        if (turn % looks_apart == 0 || below_ceiling_ != http::Pressure::none) look_at_ceiling();
        if (turn % looks_apart == 0) give_back_heap();
        if (reserve_.given_up() && !std::exchange(told, true)) log_.error("short of memory: requests are refused");
        if (reserve_.restore() && std::exchange(told, false)) log_.info("there is memory again");
    }
}

void trim_memory() {
    ::malloc_trim(0);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0, end = 0;
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3) continue;
        // Code only: it is never written, so that the kernel has it in the file. Relocated data looks read-only and is not.
        if (std::string_view(mode) != "r-xp" || line.find(" /") == std::string::npos) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives addresses as text.
        ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
}

}  // namespace shallop::daemon
