// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace shallop::base {

using Bytes = std::uint64_t;
using Duration = std::chrono::nanoseconds;

/// "64Mi", "6M", "1Gi", "512" (bytes). Binary suffixes Ki Mi Gi Ti, decimal k K M G T; no sign, at most 2^62.
/// Faults: invalid.
Result<Bytes> parse_bytes(std::string_view text);

/// The shortest exact spelling that parse_bytes reads back.
std::string format_bytes(Bytes bytes);

/// "30s", "5m", "1h30m", "250ms", "1.5s", "2d"; no sign, at most 365 days. Faults: invalid.
Result<Duration> parse_duration(std::string_view text);

/// The shortest exact spelling that parse_duration reads back, to the millisecond.
std::string format_duration(Duration duration);

}  // namespace shallop::base
