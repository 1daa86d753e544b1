// SPDX-License-Identifier: Apache-2.0
// Schedules as somebody sends them: what is accepted is written and read back the same, and what is due of it makes progress.
#include <shallop/trigger/schedule.h>

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop::trigger;
    if (size < 2) return 0;
    const auto hours = std::chrono::hours(data[0] * 256 + data[1]);
    const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
    auto plan = parse_plan(text);
    if (!plan) {
        if (plan.error().detail.empty()) std::abort();
        return 0;
    }
    const auto written = format_plan(*plan);
    const auto again = parse_plan(written);
    if (!again || format_plan(*again) != written) std::abort();
    Schedule schedule;
    schedule.id = "s";
    schedule.function = "f";
    schedule.plan = std::move(*plan);
    schedule.done = std::chrono::sys_days(std::chrono::year(2026) / 3 / 28);
    auto now = schedule.done + hours;
    for (int step = 0; step < 3; ++step) {
        const auto found = due(schedule, now);
        if (found.ticks.size() > 100 || (found.wake && *found.wake <= now)) std::abort();
        for (const auto tick : found.ticks) {
            if (tick <= schedule.done || tick > now) std::abort();
            if (event_of(schedule, tick).target.empty()) std::abort();
        }
        schedule.done = found.done;
        if (!due(schedule, now).ticks.empty()) std::abort();
        if (format_schedule(schedule, now).empty()) std::abort();
        if (!found.wake) break;
        now = *found.wake;
    }
    return 0;
}
