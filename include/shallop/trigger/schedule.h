// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fields.h>
#include <shallop/base/units.h>
#include <shallop/function/event.h>
#include <shallop/trigger/cron.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::trigger {

/// What becomes of a tick while the run before it is queued or running.
enum class Overlap {
    forbid,   ///< it is skipped
    allow,    ///< it runs beside it
    replace,  ///< the run before is cancelled
};

/// What becomes of ticks that were missed: the daemon was down, the clock was set forward, the machine was busy.
enum class CatchUp {
    none,  ///< they are dropped
    one,   ///< the newest runs
    all,   ///< each runs
};

/// What its maker says of a schedule.
struct Plan {
    Cron cron;
    Zone zone;
    // The event that a tick makes.
    std::string method = "POST";
    std::string path = "/";  ///< below the function's own, with its query
    base::Fields headers;
    std::string body;
    Overlap overlap = Overlap::forbid;
    CatchUp catch_up = CatchUp::one;
    base::Duration catch_up_deadline = std::chrono::hours(1);  ///< what is later than this is dropped
    base::Duration jitter{};                                   ///< each tick runs up to this much after its time
    bool paused = false;
};

/// What became of a tick.
struct Run {
    Tick tick{};
    std::string invocation;  ///< "" where there is none
    std::string outcome;     ///< "queued", "skipped: …", "refused: …", and how the invocation ended where that is known
};

struct Schedule {
    std::string id, function;
    Plan plan;
    Tick created{}, updated{};
    Tick anchor{};  ///< @every counts from here: when the plan got its expression
    Tick done{};    ///< every tick up to this one has been dealt with
    std::optional<Run> last{};
    std::int64_t rewinds = 0;  ///< how often `done` went back because the clock had been wrong: see Due::set_back
};
using SchedulePtr = std::shared_ptr<const Schedule>;

/// Bounds of a schedule; each refusal names its JSON pointer.
struct PlanLimits {
    std::size_t document_bytes = 256 * 1024;
    std::size_t depth = 4;
    std::size_t headers = 32;
    std::size_t header_bytes = 4096;  ///< of one value
    base::Bytes body = 64 * 1024;
    base::Duration least_deadline = std::chrono::seconds(1), most_deadline = std::chrono::hours(24 * 7);
    base::Duration most_jitter = std::chrono::hours(1);
};

/// Reads a schedule as somebody writes it: defaults filled in, unknown members refused. Members that GET returns and we make (id, function,
/// created, updated, last, next) are accepted and ignored, so that what was read can be put back. Faults: invalid (with `pointer`), too_large.
base::Result<Plan> parse_plan(std::string_view json, const PlanLimits& limits = {});

/// RFC 7396: `patch` applied to `current`, then read as parse_plan does.
base::Result<Plan> patch_plan(const Plan& current, std::string_view patch, const PlanLimits& limits = {});

/// The plan as compact JSON, every default spelled out: what the store keeps.
std::string format_plan(const Plan& plan);

/// The whole resource as compact JSON, with the next five ticks after `now`: what the API answers.
std::string format_schedule(const Schedule& schedule, Tick now);

/// What is to be done about a schedule now.
struct Due {
    std::vector<Tick> ticks;  ///< to put, oldest first
    bool missed = false;      ///< some were dropped
    Tick done{};              ///< Schedule::done after them
    bool set_back = false;    ///< the clock was wrong: `done` is before Schedule::done, and ticks in between come again
    std::optional<Tick> wake;  ///< when something is due next; nothing: never, as things are
};

/// Decides at `now`, which need not be later than at the last call: the wall clock can be set.
///
/// Of the ticks since Schedule::done the newest is on time if it is no more than a minute late, and put; with a jitter each is that comes no more
/// than a minute after the most it allows, for a tick waits for those before it. The others are missed, and are put or dropped as the plan's
/// catch_up says: those no older than its deadline, and at most the newest hundred. A clock that was set back by up to three hours is waited for,
/// so that no tick comes twice; one that was set back by more was wrong before, and ticks go on from the new time.
Due due(const Schedule& schedule, Tick now);

/// How long after its time a tick runs: always the same for one tick of one schedule, so that a restart does not change it.
std::chrono::seconds delay_of(const Schedule& schedule, Tick tick);

/// The event that a tick makes, with the fields Shallop-Schedule and Shallop-Scheduled-Time.
function::Event event_of(const Schedule& schedule, Tick tick);

}  // namespace shallop::trigger
