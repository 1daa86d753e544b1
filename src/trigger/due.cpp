// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/schedule.h>

#include <algorithm>

namespace shallop::trigger {
namespace {

using std::chrono::seconds;

constexpr auto on_time = std::chrono::minutes(1);
constexpr auto set_back_most = std::chrono::hours(3);  // as Vixie's cron has it
constexpr std::size_t most_at_once = 100;

seconds whole(base::Duration duration) { return std::chrono::floor<seconds>(duration); }

/// From where on ticks are looked at: what is older is dropped in any case, and there can be very many.
Tick oldest(const Plan& plan, Tick done, Tick now) {
    auto reach = std::max<seconds>(whole(plan.catch_up_deadline), on_time);
    if (const auto interval = plan.cron.interval())
        reach = std::min(reach, *interval * static_cast<std::int64_t>(most_at_once + 1));
    return std::max(done, now - reach - whole(plan.jitter) - seconds(1));
}

/// What of the ticks that are due is put; `all` is in order.
void choose(const Plan& plan, Tick now, const std::vector<Tick>& all, Due& due) {
    if (all.empty()) return;
    const auto late = [&](Tick tick, seconds by) { return now - tick > by + whole(plan.jitter); };
    const auto deadline = whole(plan.catch_up_deadline);
    auto first = all.size();
    // A jitter may hold back several until now: whichever come no later than it allows have not been missed.
    const std::size_t newest = whole(plan.jitter) > seconds(0) ? all.size() : 1;
    while (first > 0 && all.size() - first < newest && !late(all[first - 1], on_time)) --first;
    if (plan.catch_up == CatchUp::one && first == all.size() && !late(all.back(), deadline)) --first;
    if (plan.catch_up == CatchUp::all) {
        while (first > 0 && all.size() - first < most_at_once && !late(all[first - 1], deadline)) --first;
    }
    due.ticks.assign(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    due.missed = due.missed || first > 0;
}

}  // namespace

seconds delay_of(const Schedule& schedule, Tick tick) {
    const auto most = static_cast<std::uint64_t>(whole(schedule.plan.jitter).count());
    if (most == 0) return seconds(0);
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a, which is the same wherever it runs
    const auto mix = [&hash](std::uint64_t byte) { hash = (hash ^ (byte & 255)) * 1099511628211ULL; };
    for (const char c : schedule.id) mix(static_cast<unsigned char>(c));
    auto left = static_cast<std::uint64_t>(tick.time_since_epoch().count());
    for (int at = 0; at < 8; ++at, left >>= 8) mix(left);
    return seconds(static_cast<std::int64_t>((hash >> 16) % (most + 1)));
}

Due due(const Schedule& schedule, Tick now) {
    Due due;
    due.set_back = schedule.done - now > set_back_most;
    due.done = due.set_back ? now : schedule.done;
    if (schedule.plan.paused) return due;
    const auto& [cron, zone] = std::tie(schedule.plan.cron, schedule.plan.zone);
    std::vector<Tick> all;
    if (due.done <= now) {
        const auto from = oldest(schedule.plan, due.done, now);
        const auto first = from > due.done ? cron.next(due.done, zone, schedule.anchor) : std::nullopt;
        due.missed = first && *first <= from;
        due.done = from;
    }
    while (true) {
        const auto tick = cron.next(due.done, zone, schedule.anchor);
        if (!tick) break;
        const auto time = *tick + delay_of(schedule, *tick);
        if (time > now) {
            due.wake = time;
            break;
        }
        all.push_back(*tick);
        due.done = *tick;
    }
    choose(schedule.plan, now, all, due);
    return due;
}

}  // namespace shallop::trigger
