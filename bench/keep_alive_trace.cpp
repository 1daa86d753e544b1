// SPDX-License-Identifier: Apache-2.0
#include "keep_alive_trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <random>
#include <tuple>
#include <unordered_map>

namespace shallop::bench {

using base::Error;
using base::Fault;

namespace {

constexpr std::size_t most_lines = 50'000'000;
constexpr double minute = 60, hour = 3600, day = 86'400;

base::Duration duration_of(double seconds) {
    return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

void finish(Trace& trace) {
    const auto earlier = [](const Arrival& a, const Arrival& b) {
        return std::tie(a.when, a.function) < std::tie(b.when, b.function);
    };
    std::sort(trace.arrivals.begin(), trace.arrivals.end(), earlier);
    if (!trace.arrivals.empty()) trace.length = std::max(trace.length, trace.arrivals.back().when);
}

/// What the functions of one kind share: chance, and where their calls go.
class Maker {
public:
    Maker(Trace& trace, const Wanted& wanted) : trace_(trace), random_(wanted.seed), end_(wanted.days * day) {}

    double between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
    double exponential(double mean) { return std::exponential_distribution<double>(1 / mean)(random_); }

    void periodic(std::size_t function) {
        const double period = between(5 * minute, 3 * hour);
        for (double at = between(0, period); at < end_; at += period) call(at + between(0, period / 50), function);
    }
    void poisson(std::size_t function) {
        const double mean = std::exp(between(std::log(minute), std::log(2 * hour)));
        for (double at = exponential(mean); at < end_; at += exponential(mean)) call(at, function);
    }
    void bursty(std::size_t function) {
        const double gap = between(hour, 6 * hour);
        for (double at = exponential(gap); at < end_; at += exponential(gap)) {
            for (int left = 5 + static_cast<int>(between(0, 45)); left > 0; --left)
                call(at += exponential(5), function);
        }
    }
    /// A rate that is highest in the afternoon and next to nothing at night, by thinning.
    void daily(std::size_t function) {
        const double mean = between(2 * minute, 30 * minute);
        for (double at = exponential(mean); at < end_; at += exponential(mean)) {
            const double rate = 0.5 + 0.5 * std::sin(2 * std::numbers::pi * (at / day - 0.35));
            if (between(0, 1) < rate * rate) call(at, function);
        }
    }

private:
    void call(double at, std::size_t function) {
        if (at < end_) trace_.arrivals.push_back({duration_of(at), function});
    }

    Trace& trace_;
    std::mt19937_64 random_;
    double end_;
};

}  // namespace

base::Result<Trace> read_trace(std::istream& in, std::string name) {
    Trace trace{.name = std::move(name), .functions = {}, .arrivals = {}};
    std::unordered_map<std::string, std::size_t> known;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        if (number > most_lines) return Error(Fault::too_large, "the trace has more than 50,000,000 lines");
        if (!line.empty() && line.back() == '\r') line.pop_back();
        const auto comma = line.find(',');
        double seconds = 0;
        const auto* end = line.data() + std::min(comma, line.size());
        const auto read = std::from_chars(line.data(), end, seconds);
        const bool fits =
            comma != std::string::npos && read.ec == std::errc() && read.ptr == end && seconds >= 0 && seconds < 1e9;
        if (!fits && number == 1) continue;
        if (!fits) return Error(Fault::invalid, "line " + std::to_string(number) + " is not 'seconds,function'");
        const auto function = line.substr(comma + 1);
        const auto [at, first] = known.emplace(function, trace.functions.size());
        if (first) trace.functions.push_back(function);
        trace.arrivals.push_back({duration_of(seconds), at->second});
    }
    finish(trace);
    return trace;
}

base::Result<Trace> make_trace(const std::string& kind, const Wanted& wanted) {
    Trace trace{.name = kind, .functions = {}, .arrivals = {}, .length = duration_of(wanted.days * day)};
    Maker maker(trace, wanted);
    for (std::size_t i = 0; i < wanted.functions; ++i) {
        trace.functions.push_back(kind + "-" + std::to_string(i));
        if (kind == "periodic") {
            maker.periodic(i);
        } else if (kind == "poisson") {
            maker.poisson(i);
        } else if (kind == "bursty") {
            maker.bursty(i);
        } else if (kind == "daily") {
            maker.daily(i);
        } else {
            return Error(Fault::invalid, "'" + kind + "' is none of periodic, poisson, bursty, daily");
        }
    }
    finish(trace);
    return trace;
}

}  // namespace shallop::bench
