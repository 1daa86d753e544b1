// SPDX-License-Identifier: Apache-2.0
#include "keep_alive_trace.h"

#include <shallop/pool/ledger.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <queue>
#include <tuple>
#include <unordered_map>

// Replays arrivals through the pool's Ledger with each keep-alive policy, in simulated time: what share of the events had to
// wait for a container, and how much memory stood idle for that.

using namespace shallop;
using bench::Arrival;
using bench::Trace;
using pool::Instant;
using pool::Order;

namespace {

struct Assumed {
    base::Duration start = std::chrono::milliseconds(500);
    base::Duration service = std::chrono::milliseconds(100);
    base::Duration idle_timeout = std::chrono::minutes(10);
    base::Bytes memory = 128ULL << 20;
};

struct Outcome {
    std::uint64_t events = 0, cold = 0, ahead = 0, launches = 0;
    double idle_mib_hours = 0;

    double cold_share() const {
        return events == 0 ? 0 : 100.0 * static_cast<double>(cold) / static_cast<double>(events);
    }
};

/// One trace under one policy. Launches and events take the times assumed; nothing fails, nothing is short.
class Replay {
public:
    Replay(const Trace& trace, const Assumed& assumed, const std::string& keep_alive)
        : trace_(trace),
          assumed_(assumed),
          ledger_({.instances = 100'000, .launches = 100'000, .waiting = 1'000'000, .memory = 0}) {
        for (const auto& name : trace.functions) {
            auto made = std::make_shared<function::Function>();
            made->spec.name = name;
            made->spec.limits.memory = assumed.memory;
            made->spec.scale.reuse = true;
            made->spec.scale.max = 1000;
            made->spec.scale.idle_timeout = assumed.idle_timeout;
            made->spec.scale.keep_alive = keep_alive;
            functions_.push_back(made);
            ledger_.deploy(made, now_);
        }
    }

    Outcome run() {
        for (const auto& arrival : trace_.arrivals) {
            advance(begin + arrival.when);
            ++outcome_.events;
            const auto asked = ledger_.ask(functions_[arrival.function], now_);
            base::ensure(asked.has_value(), "nothing is refused");
            if (asked->grant) occupy(asked->grant->slot, asked->grant->start);
            follow();
        }
        advance(begin + trace_.length);
        return outcome_;
    }

private:
    static constexpr Instant begin{std::chrono::hours(1)};

    struct Happening {
        Instant when;
        std::uint64_t number = 0;  ///< of two at once, the elder is first
        pool::Slot slot = 0;
        bool launched = false;  ///< else an event has ended

        bool operator>(const Happening& other) const {
            return std::tie(when, number) > std::tie(other.when, other.number);
        }
    };

    void advance(Instant until) {
        for (;;) {
            const auto happening = happenings_.empty() ? Instant::max() : happenings_.top().when;
            const auto next = std::min(happening, ledger_.due());
            if (next > until) break;
            pass_to(std::max(now_, next));
            if (happening > next) {
                ledger_.tick(now_);
            } else {
                const auto what = happenings_.top();
                happenings_.pop();
                what.launched ? launched(what.slot) : ended(what.slot);
            }
            follow();
        }
        pass_to(until);
    }
    void pass_to(Instant when) {
        const double hours = std::chrono::duration<double, std::ratio<3600>>(when - now_).count();
        outcome_.idle_mib_hours +=
            hours * static_cast<double>(idle_) * static_cast<double>(assumed_.memory) / (1 << 20);
        now_ = when;
    }
    void launched(pool::Slot slot) {
        if (!ledger_.find(slot)) return;  // its launch was cancelled
        busy_[slot] = 0;
        ++idle_;
        ledger_.launched(slot, now_);
    }
    void ended(pool::Slot slot) {
        if (--busy_.at(slot) == 0) ++idle_;
        ledger_.give_back(slot, true, now_);
    }
    void occupy(pool::Slot slot, pool::Start start) {
        if (busy_.at(slot)++ == 0) --idle_;
        outcome_.cold += start == pool::Start::cold ? 1 : 0;
        outcome_.ahead += start == pool::Start::standby ? 1 : 0;
        happenings_.push({now_ + assumed_.service, ++number_, slot, false});
    }
    void follow() {
        ledger_.take_orders(orders_);
        for (const auto& order : orders_) {
            if (order.what == Order::What::launch) {
                ++outcome_.launches;
                happenings_.push({now_ + assumed_.start, ++number_, order.slot, true});
            } else if (order.what == Order::What::serve) {
                // Who has waited for an instance that was used before has waited too.
                occupy(order.slot, pool::Start::cold);
            } else if (order.what == Order::What::retire && busy_.erase(order.slot) == 1) {
                --idle_;
            }
        }
    }

    const Trace& trace_;
    Assumed assumed_;
    Instant now_ = begin;
    pool::Ledger ledger_;
    std::vector<function::FunctionPtr> functions_;
    std::priority_queue<Happening, std::vector<Happening>, std::greater<>> happenings_;
    std::unordered_map<pool::Slot, int> busy_;  ///< events in each that is ready
    std::int64_t idle_ = 0;
    std::uint64_t number_ = 0;
    std::vector<Order> orders_;
    Outcome outcome_;
};

void print(const std::string& trace, const std::string& policy, const Outcome& o) {
    std::printf("%-10s %-8s %10llu %9llu %8.2f %9llu %9llu %14.0f\n", trace.c_str(), policy.c_str(),
                static_cast<unsigned long long>(o.events), static_cast<unsigned long long>(o.cold), o.cold_share(),
                static_cast<unsigned long long>(o.ahead), static_cast<unsigned long long>(o.launches),
                o.idle_mib_hours);
}

double ratio(double a, double b) { return b == 0 ? 0 : a / b; }

void compare(const Trace& trace, const Assumed& assumed) {
    const auto fixed = Replay(trace, assumed, "fixed").run();
    const auto learned = Replay(trace, assumed, "learned").run();
    print(trace.name, "fixed", fixed);
    print(trace.name, "learned", learned);
    std::printf("%-10s %-8s %10s %9s %8.2f %9s %9.2f %14.2f\n", "", "ratio", "", "",
                ratio(learned.cold_share(), fixed.cold_share()), "",
                ratio(static_cast<double>(learned.launches), static_cast<double>(fixed.launches)),
                ratio(learned.idle_mib_hours, fixed.idle_mib_hours));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Cold starts and idle memory of the keep-alive policies, over arrivals that are read or made up");
    bench::Wanted wanted;
    Assumed assumed;
    std::vector<std::string> kinds{"periodic", "poisson", "bursty", "daily"};
    std::string file, start = "500ms", service = "100ms", idle = "10m", memory = "128Mi";
    app.add_option("--trace", file, "CSV of seconds,function; instead of made-up arrivals");
    app.add_option("--kind", kinds, "periodic, poisson, bursty, daily; several may be given");
    app.add_option("--seed", wanted.seed, "of what is made up")->capture_default_str();
    app.add_option("--functions", wanted.functions, "in a made-up trace")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000));
    app.add_option("--days", wanted.days, "its length")->capture_default_str()->check(CLI::Range(0.01, 365.0));
    app.add_option("--start", start, "time that a launch takes")->capture_default_str();
    app.add_option("--service", service, "time that an event takes")->capture_default_str();
    app.add_option("--idle-timeout", idle, "of the fixed policy, and of the learned one while it knows too little")
        ->capture_default_str();
    app.add_option("--memory", memory, "of an instance")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        assumed.start = base::parse_duration(start).value();
        assumed.service = base::parse_duration(service).value();
        assumed.idle_timeout = base::parse_duration(idle).value();
        assumed.memory = base::parse_bytes(memory).value();
        std::printf("%-10s %-8s %10s %9s %8s %9s %9s %14s\n", "trace", "policy", "events", "cold", "cold %", "ahead",
                    "launches", "idle MiB-hours");
        if (!file.empty()) {
            std::ifstream in(file);
            if (!in) throw std::runtime_error(file + " cannot be read");
            compare(bench::read_trace(in, "file").value(), assumed);
            return 0;
        }
        for (const auto& kind : kinds) compare(bench::make_trace(kind, wanted).value(), assumed);
    } catch (const std::exception& error) {
        std::cerr << "bench_keep_alive: " << error.what() << "\n";
        return 2;
    }
    return 0;
}
