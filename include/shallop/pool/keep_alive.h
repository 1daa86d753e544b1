// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/function/spec.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

namespace shallop::pool {

using async::Instant;
using base::Duration;

/// How long one function's instances are kept after its last event, and when the next one is started ahead.
///
/// Told of every turn between rest and work; asked at each rest. Neither may allocate.
class KeepAlive {
public:
    /// Counted from the end of the last event. `prewarm_after` 0: the instance stays, for `keep_for`. Else it goes at once, one is
    /// started at `prewarm_after`, and that one stays for `keep_for`.
    struct Windows {
        Duration prewarm_after{};
        Duration keep_for{};
    };

    virtual ~KeepAlive() = default;

    /// An event came while none was there.
    virtual void arrival(Instant now) = 0;

    /// The last event that was there has ended.
    virtual void rest(Instant now) = 0;

    virtual Windows windows() const = 0;

    /// Whether arrival() and rest() do anything: a caller in a hurry leaves them out where not.
    virtual bool learns() const { return true; }
};

/// Always the same timeout, whatever comes.
class FixedKeepAlive final : public KeepAlive {
public:
    explicit FixedKeepAlive(Duration timeout) : timeout_(timeout) {}

    void arrival(Instant) override {}
    void rest(Instant) override {}
    Windows windows() const override { return {Duration::zero(), timeout_}; }
    bool learns() const override { return false; }

private:
    Duration timeout_;
};

/// Learns from the function's own idle times, after "Serverless in the Wild" (Shahrad et al., USENIX ATC 2020): a histogram of them; its
/// 5th percentile less a margin says when to start ahead, its 99th with a margin how long to stay.
///
/// Falls back to the fixed timeout while there are too few samples, too many beyond the last bin, or no shape to learn (the bin counts'
/// coefficient of variation is low). Old habits fade: all counts are halved at a bound. Memory: about 1 KiB per function, whatever comes.
class LearnedKeepAlive final : public KeepAlive {
public:
    struct Settings {
        Duration bin = std::chrono::minutes(1);  ///< 240 of them: idle times up to four hours are told apart
        int least_samples = 10;
        double most_out_of_bounds = 0.5;   ///< share of samples beyond the last bin
        double least_variation = 2.0;      ///< of the bin counts; the paper's threshold
        double first = 0.05, last = 0.99;  ///< the percentiles
        double margin = 0.10;              ///< taken off the first, put on the last
        std::uint32_t halve_at = 4096;     ///< samples
    };
    static constexpr int bins = 240;

    explicit LearnedKeepAlive(Duration fallback) : LearnedKeepAlive(fallback, Settings()) {}
    LearnedKeepAlive(Duration fallback, Settings settings);

    void arrival(Instant now) override;
    void rest(Instant now) override;
    Windows windows() const override;

    /// Whether windows() comes from the histogram.
    bool representative() const;

private:
    int percentile(double share, bool upper_edge) const;
    void halve();

    Duration fallback_;
    Settings settings_;
    std::array<std::uint32_t, bins> counts_{};
    std::uint32_t inside_ = 0, outside_ = 0;
    std::uint64_t squares_ = 0;  ///< sum of the counts' squares: the variation without a walk
    Instant resting_since_ = Instant::max();
};

/// Makes the policy a function asks for; a test or a simulation gives another.
using KeepAliveFactory = std::function<std::unique_ptr<KeepAlive>(const function::Scale&)>;

/// By `scale.keep_alive` and `scale.idle_timeout`.
std::unique_ptr<KeepAlive> make_keep_alive(const function::Scale& scale);

}  // namespace shallop::pool
