// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/keep_alive.h>

#include <algorithm>
#include <cmath>

namespace shallop::pool {

LearnedKeepAlive::LearnedKeepAlive(Duration fallback, Settings settings) : fallback_(fallback), settings_(settings) {}

void LearnedKeepAlive::rest(Instant now) { resting_since_ = now; }

void LearnedKeepAlive::arrival(Instant now) {
    if (resting_since_ == Instant::max()) return;
    const auto bin = (now - resting_since_) / settings_.bin;
    resting_since_ = Instant::max();
    if (bin >= bins) {
        ++outside_;
    } else {
        auto& count = counts_[static_cast<std::size_t>(bin)];
        squares_ += 2 * std::uint64_t{count} + 1;
        ++count;
        ++inside_;
    }
    if (inside_ + outside_ >= settings_.halve_at) halve();
}

/// The bins' coefficient of variation: about 0 where every idle time is as likely as every other.
bool LearnedKeepAlive::representative() const {
    const double all = static_cast<double>(inside_) + outside_;
    if (inside_ == 0 || all < settings_.least_samples || outside_ > settings_.most_out_of_bounds * all) return false;
    const double mean = static_cast<double>(inside_) / bins;
    const double variance = std::max(0.0, static_cast<double>(squares_) / bins - mean * mean);
    return std::sqrt(variance) / mean >= settings_.least_variation;
}

KeepAlive::Windows LearnedKeepAlive::windows() const {
    if (!representative()) return {Duration::zero(), fallback_};
    const auto scaled = [&](int edge, double factor) {
        return std::chrono::duration_cast<Duration>(settings_.bin * edge * factor);
    };
    const auto from = scaled(percentile(settings_.first, false), 1 - settings_.margin);
    const auto until = scaled(percentile(settings_.last, true), 1 + settings_.margin);
    return {from, until - from};
}

/// The lower or upper edge, in bins, of the bin in which `share` of the samples are reached: rounding is to the safe side.
int LearnedKeepAlive::percentile(double share, bool upper_edge) const {
    const double wanted = share * inside_;
    double seen = 0;
    for (int bin = 0; bin < bins; ++bin) {
        seen += counts_[static_cast<std::size_t>(bin)];
        if (seen > 0 && seen >= wanted) return upper_edge ? bin + 1 : bin;
    }
    return bins;
}

void LearnedKeepAlive::halve() {
    inside_ = 0;
    squares_ = 0;
    outside_ /= 2;
    for (auto& count : counts_) {
        count /= 2;
        inside_ += count;
        squares_ += std::uint64_t{count} * count;
    }
}

std::unique_ptr<KeepAlive> make_keep_alive(const function::Scale& scale) {
    if (scale.keep_alive == "learned") return std::make_unique<LearnedKeepAlive>(scale.idle_timeout);
    return std::make_unique<FixedKeepAlive>(scale.idle_timeout);
}

}  // namespace shallop::pool
