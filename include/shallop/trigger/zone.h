// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <chrono>
#include <string>
#include <string_view>

namespace shallop::trigger {

/// A point of wall-clock time. Schedules know nothing finer than the second.
using Tick = std::chrono::sys_seconds;

/// A stretch of time in which a zone's clocks differ from UTC by the same amount.
struct Period {
    Tick begin, end;                ///< the first second that belongs to it, and the first that does not
    std::chrono::seconds offset{};  ///< local time is UTC plus this
};

/// An IANA time zone of the system's tzdata. A small value; what it knows is read once and lasts as long as the process. The library
/// reads what the files list, which is up to 2037: later summers have the offset of winter until newer files are installed.
class Zone {
public:
    /// UTC, which is there without tzdata.
    Zone() = default;

    /// "Europe/Berlin", "UTC". May read files the first time: not for a busy loop. Faults: invalid, with the nearest names.
    static base::Result<Zone> find(std::string_view name);

    const std::string& name() const { return name_; }

    /// The period that `at` is in. Its ends are cut to the years 1900 to 2400.
    Period period_at(Tick at) const;

private:
    std::string name_ = "UTC";
    const void* zone_ = nullptr;  ///< the library's; null for UTC
};

/// RFC 3339 with the zone's offset: "2026-11-21T05:37:00+01:00", "2026-11-21T04:37:00Z" for an offset of nothing.
std::string format_local(Tick at, const Zone& zone);

}  // namespace shallop::trigger
