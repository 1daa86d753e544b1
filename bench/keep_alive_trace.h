// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/base/units.h>

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

/// When which function is called: read from a file, or made up.
namespace shallop::bench {

struct Arrival {
    base::Duration when{};  ///< since the trace's begin
    std::size_t function = 0;
};

struct Trace {
    std::string name;
    std::vector<std::string> functions;
    std::vector<Arrival> arrivals;  ///< in order of time
    base::Duration length{};
};

/// Lines "seconds,function"; a first line that is none is a heading. At most 50,000,000 lines. Faults: invalid.
base::Result<Trace> read_trace(std::istream& in, std::string name);

struct Wanted {
    std::uint64_t seed = 1;
    std::size_t functions = 50;
    double days = 7;
};

/// "periodic" (by a clock, each its own period), "poisson" (at any time), "bursty" (much, then nothing for hours) or
/// "daily" (people, by day); the same for the same seed. Faults: invalid.
base::Result<Trace> make_trace(const std::string& kind, const Wanted& wanted);

}  // namespace shallop::bench
