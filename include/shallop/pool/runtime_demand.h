// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>

#include <cstddef>
#include <deque>

namespace shallop::pool {

/// How many instances of a runtime are to wait for code: as many as were asked for within `burst` at the busiest time of the last `memory`, within
/// bounds. Pure: instants given to it never go back. Costs nothing while nothing is asked for.
class RuntimeDemand {
public:
    struct Settings {
        int least = 2;
        int most = 8;  ///< below `least` it counts as that
        async::Duration burst =
            std::chrono::seconds(5);  ///< about what it takes until one that was taken is made up for
        async::Duration memory = std::chrono::minutes(1);
    };
    explicit RuntimeDemand(Settings settings) : settings_(settings) {}

    /// A launch has use for one, whether there was one or not.
    void asked(async::Instant now);

    int wanted(async::Instant now);

private:
    static constexpr std::size_t most_remembered = 1'000;

    Settings settings_;
    std::deque<async::Instant> asked_;  ///< oldest first
};

}  // namespace shallop::pool
