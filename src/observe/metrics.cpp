// SPDX-License-Identifier: Apache-2.0
#include <shallop/observe/metrics.h>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shallop::observe {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;
using prometheus::Histogram;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

const Histogram::BucketBoundaries& buckets() {
    static const Histogram::BucketBoundaries bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};
    return bounds;
}

constexpr std::array<const char*, 3> start_words{"cold", "warm", "standby"};  ///< in the order of Start

/// Observations that wait to be scraped. A request's path takes no lock and searches no label.
class Tally {
public:
    void add(double value) {
        const auto& bounds = buckets();
        const auto at = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
        ++counts_[static_cast<std::size_t>(at)];
        sum_ += value;
    }

    void flush(Histogram& into) {
        into.ObserveMultiple(counts_, sum_);
        std::fill(counts_.begin(), counts_.end(), 0.0);
        sum_ = 0;
    }

private:
    std::vector<double> counts_ = std::vector<double>(buckets().size() + 1);
    double sum_ = 0;
};

}  // namespace

struct Metrics::State {
    struct Gauge {
        prometheus::Gauge& gauge;
        std::function<double()> read;
    };
    struct Total {
        prometheus::Counter& counter;
        std::function<double()> read;
    };

    prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
    prometheus::Family<prometheus::Counter>& invocations =
        BuildCounter().Name("shallop_invocations_total").Help("Ended invocations by outcome.").Register(registry);
    prometheus::Family<prometheus::Histogram>& queue_seconds =
        BuildHistogram().Name("shallop_queue_seconds").Help("Time an event waited for room.").Register(registry);
    prometheus::Family<prometheus::Histogram>& start_seconds = BuildHistogram()
                                                                   .Name("shallop_start_seconds")
                                                                   .Help("Time from room to a connected instance.")
                                                                   .Register(registry);
    prometheus::Family<prometheus::Histogram>& run_seconds =
        BuildHistogram().Name("shallop_run_seconds").Help("Time the function ran.").Register(registry);
    prometheus::Family<prometheus::Counter>& cpu_seconds = BuildCounter()
                                                               .Name("shallop_cpu_seconds_total")
                                                               .Help("CPU time of the function's processes.")
                                                               .Register(registry);
    prometheus::Family<prometheus::Counter>& starts = BuildCounter()
                                                          .Name("shallop_starts_total")
                                                          .Help("Invocations by where their instance came from.")
                                                          .Register(registry);
    prometheus::Family<prometheus::Counter>& gigabyte_seconds =
        BuildCounter()
            .Name("shallop_memory_gigabyte_seconds_total")
            .Help("limits.memory times the time the function ran, in GB (10^9) seconds.")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& attempts =
        BuildCounter()
            .Name("shallop_queue_attempts_total")
            .Help("Ended attempts of queued events by what became of the event.")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& rejections = BuildCounter()
                                                              .Name("shallop_rejected_total")
                                                              .Help("Requests refused before a function, by reason.")
                                                              .Register(registry);
    prometheus::Family<prometheus::Counter>& engine_calls = BuildCounter()
                                                                .Name("shallop_engine_calls_total")
                                                                .Help("Calls to the engine by verb and result.")
                                                                .Register(registry);
    prometheus::Family<prometheus::Histogram>& engine_seconds =
        BuildHistogram().Name("shallop_engine_seconds").Help("Duration of calls to the engine.").Register(registry);
    std::vector<Gauge> gauges;
    std::vector<Total> totals;

    /// The series of one function, so that forget() can remove them.
    struct Series {
        std::map<std::string, prometheus::Counter*, std::less<>> outcomes, attempts;
        std::array<prometheus::Counter*, start_words.size()> starts{};
        prometheus::Counter* gigabyte_seconds = nullptr;
        prometheus::Histogram* queue = nullptr;
        prometheus::Histogram* start = nullptr;
        prometheus::Histogram* run = nullptr;
        prometheus::Counter* cpu = nullptr;
        // Since the last scrape:
        Tally queued, starting, running;
        double ok = 0, gigabyte_seconds_more = 0, cpu_more = 0;
        std::array<double, start_words.size()> starts_more{};
    };
    std::unordered_map<std::string, Series> functions;

    prometheus::Counter& outcome(Series& of, const std::string& function, const std::string& word) {
        auto*& counter = of.outcomes[word];
        if (counter == nullptr) counter = &invocations.Add({{"function", function}, {"outcome", word}});
        return *counter;
    }

    void flush(const std::string& function, Series& one) {
        one.queued.flush(*one.queue);
        one.starting.flush(*one.start);
        one.running.flush(*one.run);
        if (one.ok > 0) outcome(one, function, "ok").Increment(std::exchange(one.ok, 0));
        one.gigabyte_seconds->Increment(std::exchange(one.gigabyte_seconds_more, 0));
        one.cpu->Increment(std::exchange(one.cpu_more, 0));
        for (std::size_t kind = 0; kind < start_words.size(); ++kind) {
            if (one.starts_more[kind] == 0) continue;
            auto*& counter = one.starts[kind];
            if (counter == nullptr) counter = &starts.Add({{"function", function}, {"start", start_words[kind]}});
            counter->Increment(std::exchange(one.starts_more[kind], 0));
        }
    }

    Series& series(const std::string& function) {
        auto& one = functions[function];
        if (one.queue == nullptr) {
            const prometheus::Labels labels{{"function", function}};
            one.queue = &queue_seconds.Add(labels, buckets());
            one.start = &start_seconds.Add(labels, buckets());
            one.run = &run_seconds.Add(labels, buckets());
            one.cpu = &cpu_seconds.Add(labels);
            one.gigabyte_seconds = &gigabyte_seconds.Add(labels);
        }
        return one;
    }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::invocation(const std::string& function, const std::string& outcome, const Run& run) {
    auto& series = state_->series(function);
    if (outcome == "ok") {
        ++series.ok;
    } else {
        state_->outcome(series, function, outcome).Increment();
    }
    if (run.start != Start::none) ++series.starts_more.at(static_cast<std::size_t>(run.start));
    series.queued.add(seconds(run.queued));
    series.starting.add(seconds(run.starting));
    series.running.add(seconds(run.running));
    series.gigabyte_seconds_more += static_cast<double>(run.memory) / 1e9 * seconds(run.running);
    series.cpu_more += seconds(run.cpu);
}

void Metrics::queued(const std::string& function, const char* outcome) {
    auto*& counter = state_->series(function).attempts[outcome];
    if (counter == nullptr) counter = &state_->attempts.Add({{"function", function}, {"outcome", outcome}});
    counter->Increment();
}

void Metrics::cpu(const std::string& function, Duration used) { state_->series(function).cpu_more += seconds(used); }

void Metrics::forget(const std::string& function) {
    const auto at = state_->functions.find(function);
    if (at == state_->functions.end()) return;
    auto& series = at->second;
    for (const auto& [outcome, counter] : series.outcomes) state_->invocations.Remove(counter);
    for (const auto& [outcome, counter] : series.attempts) state_->attempts.Remove(counter);
    state_->queue_seconds.Remove(series.queue);
    state_->start_seconds.Remove(series.start);
    state_->run_seconds.Remove(series.run);
    state_->cpu_seconds.Remove(series.cpu);
    state_->gigabyte_seconds.Remove(series.gigabyte_seconds);
    for (auto* start : series.starts) {
        if (start != nullptr) state_->starts.Remove(start);
    }
    state_->functions.erase(at);
}

void Metrics::rejected(const char* reason) { state_->rejections.Add({{"reason", reason}}).Increment(); }

void Metrics::engine_call(const char* verb, bool failed, Duration took) {
    state_->engine_calls.Add({{"verb", verb}, {"result", failed ? "failed" : "ok"}}).Increment();
    state_->engine_seconds.Add({{"verb", verb}}, buckets()).Observe(seconds(took));
}

void Metrics::gauge(const char* name, const char* help, std::function<double()> read) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
    state_->gauges.push_back({family.Add({}), std::move(read)});
}

void Metrics::gauge(const char* name, const char* help, const char* label, const char* value,
                    std::function<double()> read) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
    state_->gauges.push_back({family.Add({{label, value}}), std::move(read)});
}

void Metrics::total(const char* name, const char* help, std::function<double()> read) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
    state_->totals.push_back({family.Add({}), std::move(read)});
}

std::string Metrics::text() const {
    for (const auto& [gauge, read] : state_->gauges) gauge.Set(read());
    for (const auto& [counter, read] : state_->totals) counter.Increment(read() - counter.Value());
    for (auto& [function, series] : state_->functions) state_->flush(function, series);
    return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace shallop::observe
