// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/trigger/engine_triggers.h>

#include <algorithm>

namespace shallop::trigger {
namespace {

using base::Error;
using base::Fault;
using namespace std::chrono_literals;

constexpr auto note_every = 1s;
constexpr auto ask_timeout = 10s;
constexpr base::Duration first_pause = 500ms;
constexpr base::Duration longest_pause = 30s;

// Half of the life of an idempotency key: after a restart all that came since what still waits is put once more, and must be known.
constexpr auto longest_wait = 12h;
constexpr auto least_wait = std::chrono::minutes(10);

std::int64_t nano(std::chrono::system_clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Error unknown(const std::string& id) {
    return {Fault::not_found, "there is no trigger '" + id.substr(0, 63) + "'; GET /v1/triggers lists those there are"};
}

Error no_function(const std::string& name) {
    return {Fault::invalid, "there is no function '" + name + "': deploy it first", "/function"};
}

/// Whether the same order can be taken later.
bool passes(Fault fault) {
    return fault != Fault::not_found && fault != Fault::invalid && fault != Fault::too_large &&
           fault != Fault::internal;
}

}  // namespace

EngineTriggers::EngineTriggers(Limits limits, Parts parts, async::Executor executor)
    : limits_(limits), parts_(std::move(parts)), pending_(limits.pending, limits.bytes), changed_(executor) {}

Task<Status> EngineTriggers::load() {
    const auto all = co_await parts_.store.load();
    if (!all) co_return all.error();
    for (const auto& stored : *all) {
        auto trigger = parse_engine_trigger(stored.document);
        if (!trigger) {
            parts_.log.error("a stored trigger cannot be read and is left out",
                             {{"trigger", stored.id}, {"reason", trigger.error().detail}});
        } else if (!parts_.known(trigger->function)) {
            gone_.push_back(stored.id);
        } else {
            trigger->id = stored.id;
            trigger->created = stored.created;
            trigger->from_nano = stored.from_nano;
            triggers_[stored.id].trigger = std::move(*trigger);
        }
    }
    const auto seen = co_await parts_.store.seen();
    if (!seen) co_return seen.error();
    noted_nano_ = *seen;
    if (!triggers_.empty()) seen_nano_ = *seen;
    co_return Status();
}

Task<void> EngineTriggers::run() {
    auto following = follow();
    auto working = work();
    co_await async::race(std::move(following), std::move(working));
}

// ---- the stream

/// While there are triggers.
Task<void> EngineTriggers::follow() {
    const auto event = [this](const docker::EngineEvent& one) { take(one); };
    const auto connected = [this] {
        engine_.clear();
        changed_.notify_all();
    };
    for (;;) {
        while (triggers_.empty()) co_await changed_.wait();
        auto reading = parts_.engine.follow(seen_nano_, event, connected);
        auto idle = until_idle();
        co_await async::race(std::move(reading), std::move(idle));
        seen_nano_ = 0;  // what happens until there is a trigger again is nobody's business
        own_.clear();
    }
}

Task<void> EngineTriggers::until_idle() {
    while (!triggers_.empty()) co_await changed_.wait();
}

void EngineTriggers::take(const docker::EngineEvent& event) {
    note_own(event, own_);
    newest_nano_ = std::max(newest_nano_, event.time_nano);
    seen_nano_ = std::max(seen_nano_, event.time_nano);
    for (const auto& [id, one] : triggers_) {
        const auto& trigger = one.trigger;
        const bool meant = !trigger.paused && event.time_nano > trigger.from_nano && matches(trigger.filters, event);
        if (!meant || is_own(event, own_)) continue;
        if (pending_.add({id, trigger.function, event, parts_.clock.now()})) continue;
        if (dropping_.insert(trigger.function).second)
            parts_.log.warn("events of the engine are dropped: too many wait to be queued",
                            {{"trigger", id}, {"function", trigger.function}});
    }
    if (!pending_.empty()) changed_.notify_all();
}

// ---- into the queue

Task<void> EngineTriggers::work() {
    auto working_off = work_off();
    auto noting = note_progress();
    co_await async::race(std::move(working_off), std::move(noting));
}

Task<void> EngineTriggers::work_off() {
    auto pause = first_pause;
    for (;;) {
        while (pending_.empty() && gone_.empty()) co_await changed_.wait();
        co_await remove_gone();
        if (pending_.empty()) continue;
        if (engine_.empty()) {
            const auto learnt = co_await learn_engine();
            if (!learnt) {
                co_await parts_.clock.sleep_for(pause);
                pause = std::min(pause * 2, longest_pause);
                continue;
            }
        }
        pause = first_pause;
        auto next = pending_.next(parts_.clock.now());
        if (!next) {
            auto sleeping = parts_.clock.sleep_until(pending_.next_time());
            auto ready = until_ready();
            co_await async::race(std::move(sleeping), std::move(ready));
            continue;
        }
        const auto function = next->function;
        const bool done = co_await fire(std::move(*next));
        if (!done) {
            pending_.put_off(function, parts_.clock.now());
        } else if (pending_.done(function)) {
            dropping_.erase(function);
        }
    }
}

/// Until there is something to do before the time that the next is put off to.
Task<void> EngineTriggers::until_ready() {
    while (gone_.empty() && pending_.next_time() > parts_.clock.now()) co_await changed_.wait();
}

Task<void> EngineTriggers::remove_gone() {
    while (!gone_.empty()) {
        auto id = gone_.back();
        gone_.pop_back();
        const auto removed = co_await parts_.store.remove(id);
        if (!removed)
            parts_.log.warn("a trigger is gone, and still in the store",
                            {{"trigger", id}, {"reason", removed.error().detail}});
    }
}

/// Which engine it is, and which containers are a Shallop's.
Task<Status> EngineTriggers::learn_engine() {
    const auto deadline = parts_.clock.now() + ask_timeout;
    const auto info = co_await parts_.engine.info(deadline);
    if (!info) co_return info.error();
    const std::vector<std::string> labels{"shallop.daemon"};
    const auto listed = co_await parts_.engine.list(labels, deadline);
    if (!listed) co_return listed.error();
    for (const auto& container : *listed) own_.insert(container.id);
    engine_ = info->id.empty() ? "engine" : info->id;
    co_return Status();
}

/// False: to be tried again.
Task<bool> EngineTriggers::fire(PendingEvent pending) {
    const auto at = triggers_.find(pending.trigger);
    if (at == triggers_.end() || at->second.trigger.paused || is_own(pending.event, own_)) co_return true;
    auto order = order_for(at->second.trigger, pending.event, engine_);
    const auto put = co_await parts_.put(std::move(order));
    if (!put) {
        const auto& error = put.error();
        const auto never = error.fault == Fault::overloaded ? why_never(pending) : std::string();
        const bool again = passes(error.fault) && never.empty();
        parts_.log.warn(again ? "an event of the engine cannot be queued now, and is tried again"
                              : "an event of the engine cannot be queued, and is given up",
                        {{"trigger", pending.trigger},
                         {"function", pending.function},
                         {"event", pending.event.action},
                         {"reason", never.empty() ? error.detail : never}});
        co_return !again;
    }
    const auto still = triggers_.find(pending.trigger);
    if (still == triggers_.end() || put->repeated) co_return true;
    ++still->second.fired;
    still->second.last_time = base::format_time(parts_.clock.wall());
    still->second.last_invocation = put->id;
    co_return true;
}

/// Why it is of no use to try again where there was no room; "" where it is.
std::string EngineTriggers::why_never(const PendingEvent& pending) const {
    const auto found = parts_.find ? parts_.find(pending.function) : nullptr;
    if (found && found->spec.async.backlog == 0) return "the function's async.backlog is 0";
    if (found && pending.event.json.size() > found->spec.async.backlog_bytes)
        return "it is larger than the function's async.backlog_bytes";
    const auto age = std::chrono::nanoseconds(nano(parts_.clock.wall()) - pending.event.time_nano);
    const bool tried = parts_.clock.now() - pending.since > least_wait;
    return age > longest_wait && tried ? "it is older than 12 hours, and there has been no room for it" : "";
}

/// What a stop of the daemon must not lose, nor bring once more.
std::int64_t EngineTriggers::dealt_with() const {
    return pending_.empty() ? seen_nano_ : std::min(seen_nano_, pending_.oldest_nano() - 1);
}

Task<void> EngineTriggers::note_progress() {
    for (;;) {
        while (triggers_.empty() && dealt_with() == noted_nano_) co_await changed_.wait();
        const auto now = dealt_with();
        if (now != noted_nano_ && (now > 0 || triggers_.empty())) {
            const auto noted = co_await parts_.store.note_seen(now);
            if (noted) noted_nano_ = now;
        }
        co_await parts_.clock.sleep_for(note_every);
    }
}

// ---- the list

Task<Status> EngineTriggers::keep(EngineTrigger trigger) {
    store::StoredTrigger stored{trigger.id, format_engine_trigger(trigger), trigger.created, trigger.from_nano};
    co_return co_await parts_.store.put(std::move(stored));
}

Task<Result<EngineTriggerView>> EngineTriggers::add(std::string document) {
    auto trigger = parse_engine_trigger(document);
    if (!trigger) co_return trigger.error();
    if (!parts_.known(trigger->function)) co_return no_function(trigger->function);
    if (triggers_.size() >= limits_.triggers) {
        co_return Error(Fault::conflict,
                        "there are " + std::to_string(limits_.triggers) + " triggers, which is the limit: remove one");
    }
    trigger->id = parts_.ids.next();
    trigger->created = base::format_time(parts_.clock.wall());
    const auto now = nano(parts_.clock.wall());
    trigger->from_nano = seen_nano_ == 0 || newest_nano_ == 0 ? now : newest_nano_;
    auto kept = *trigger;
    const auto stored = co_await keep(std::move(kept));
    if (!stored) co_return stored.error();
    if (seen_nano_ ==
        0) {  // the first one: what happens from now on is its business, also if we end before the stream is up
        const auto noted = co_await parts_.store.note_seen(now);
        if (!noted) co_return noted.error();
        noted_nano_ = now;
    }
    if (!parts_.known(trigger->function)) {  // removed meanwhile
        gone_.push_back(trigger->id);
        changed_.notify_all();
        co_return no_function(trigger->function);
    }
    if (seen_nano_ == 0) seen_nano_ = now;
    auto& view = triggers_[trigger->id];
    view.trigger = std::move(*trigger);
    changed_.notify_all();
    co_return view;
}

Task<Result<EngineTriggerView>> EngineTriggers::set_paused(std::string id, bool paused) {
    const auto at = triggers_.find(id);
    if (at == triggers_.end()) co_return unknown(id);
    auto next = at->second.trigger;
    next.paused = paused;
    next.from_nano = std::max(next.from_nano, newest_nano_);  // what a pause was for is not made up for
    auto kept = next;
    const auto stored = co_await keep(std::move(kept));
    if (!stored) co_return stored.error();
    const auto still = triggers_.find(id);
    if (still == triggers_.end()) {
        gone_.push_back(id);
        changed_.notify_all();
        co_return unknown(id);
    }
    still->second.trigger = std::move(next);
    co_return still->second;
}

Task<Status> EngineTriggers::remove(std::string id) {
    if (!triggers_.contains(id)) co_return unknown(id);
    const auto removed = co_await parts_.store.remove(id);
    if (!removed) co_return removed.error();
    triggers_.erase(id);
    changed_.notify_all();
    co_return Status();
}

Result<EngineTriggerView> EngineTriggers::show(const std::string& id) const {
    const auto at = triggers_.find(id);
    if (at == triggers_.end()) return unknown(id);
    return at->second;
}

std::vector<EngineTriggerView> EngineTriggers::list(const std::string& after, std::size_t most) const {
    std::vector<EngineTriggerView> some;
    for (auto at = triggers_.upper_bound(after); at != triggers_.end() && some.size() < most; ++at)
        some.push_back(at->second);
    return some;
}

void EngineTriggers::forget(const std::string& function) {
    std::erase_if(triggers_, [&](const auto& one) {
        if (one.second.trigger.function != function) return false;
        gone_.push_back(one.first);
        return true;
    });
    if (!gone_.empty()) changed_.notify_all();
}

}  // namespace shallop::trigger
