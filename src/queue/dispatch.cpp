// SPDX-License-Identifier: Apache-2.0
// What runs queued events: takes them as they are due, runs them, writes down how that ended.
#include <shallop/async/race.h>
#include <shallop/contract/faults.h>

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>

#include "queue/bodies.h"
#include "queue/codec.h"
#include "queue/running.h"
#include "queue/sending.h"

namespace shallop::queue {
namespace {

using base::Error;
using base::Fault;
using store::EventState;

constexpr auto storage_pause = std::chrono::seconds(1);
constexpr auto cancel_pause = std::chrono::milliseconds(20);
constexpr int cancel_tries = 10;
constexpr auto tidy_pause = std::chrono::seconds(10);
constexpr auto longest_sleep = std::chrono::seconds(30);
constexpr std::size_t purged_at_once = 500;

Millis in_millis(Duration duration) { return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(); }

/// Files of bodies that no event has: of what was not accepted before the daemon ended.
void remove_strays(const std::string& directory, const std::vector<std::string>& kept) {
    const std::set<std::string> known(kept.begin(), kept.end());
    const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
    if (!open) return;
    while (const auto* const entry = readdir(open.get())) {
        const std::string name = entry->d_name;
        if (!name.starts_with('.') && !known.contains(name)) unlink((directory + "/" + name).c_str());
    }
}

}  // namespace

Task<Status> Queue::load() {
    auto recovering = parts_.events.recover(now());
    const auto lines = co_await std::move(recovering);
    if (!lines) co_return lines.error();
    for (const auto& line : *lines) {
        const auto bytes = static_cast<std::int64_t>(line.bytes);
        if (line.events > 0) lines_.add(line.function, line.events, bytes, line.next_due);
    }
    const auto files = co_await parts_.events.files();
    if (!files) co_return files.error();
    auto work = [this, &files] { return remove_strays(settings_.directory + "/bodies", *files), true; };
    co_await parts_.blocking.run(work);
    if (lines_.events() > 0) parts_.log.info("events are queued", {{"events", lines_.events()}});
    co_return Status();
}

Task<void> Queue::run() {
    if (!leases_begun_) tasks_.spawn("leases", renew_leases());
    leases_begun_ = true;
    if (!tidy_begun_) tasks_.spawn("ended events", tidy());
    tidy_begun_ = true;
    for (;;) {
        pump();
        const auto due = draining_ ? std::nullopt : lines_.next_due();
        const auto wait = due ? std::chrono::milliseconds(std::max<Millis>(*due - now(), 1)) : longest_sleep;
        const auto until = parts_.clock.now() + std::min<Duration>(wait, longest_sleep);
        auto changed = due_changed_.wait();
        auto timer = parts_.clock.sleep_until(until);
        co_await async::race(std::move(changed), std::move(timer));
    }
}

/// Begins what can begin.
void Queue::pump() {
    while (!draining_) {
        auto turn = lines_.next(now());
        if (!turn) return;
        try {
            tasks_.spawn("taking queued events", take(*turn));
        } catch (const std::exception&) {  // for want of memory: the line has another turn
            lines_.took(turn->function, 0, 0, now() + in_millis(storage_pause));
            return;
        }
    }
}

Task<void> Queue::take(Lines::Turn turn) {
    const auto at = now();
    const auto hold = std::make_shared<Hold>(lines_, turn.function, at + in_millis(storage_pause));
    leased_until_ = std::max(leased_until_, at + in_millis(settings_.lease));
    auto taking = parts_.events.take(turn.function, at, turn.most, at + in_millis(settings_.lease));
    auto batch = co_await std::move(taking);
    if (!batch) {
        parts_.log.warn("queued events cannot be read", {{"reason", batch.error().detail}});
        due_changed_.notify_all();  // once this has ended, the line has another turn
        co_return;
    }
    std::int64_t bytes = 0;
    for (const auto& one : batch->events) bytes += static_cast<std::int64_t>(one.row.bytes);
    hold->take(static_cast<std::int64_t>(batch->events.size()), bytes, batch->next_due);
    for (auto& one : batch->events) {
        auto taken = std::make_shared<store::Taken>(std::move(one));
        tasks_.spawn_cancellable("a queued event",
                                 [this, taken, hold](async::Canceller& self) { return run_one(taken, hold, self); });
    }
    pump();
    // It may have been promised more than it brought: what is due later has been looked past meanwhile.
    if (lines_.next_due()) due_changed_.notify_all();
}

/// One attempt of one event.
Task<void> Queue::run_one(std::shared_ptr<store::Taken> taken, std::shared_ptr<Hold> hold, async::Canceller& self) {
    std::string cancelled;
    {
        Place place(std::move(hold));
        Running running(*this, std::move(taken));
        store::KeptReply reply;
        Ran ran;
        if (draining_) {
            ran.stopped = true;
        } else if (running.row().interruptions >= settings_.most_interruptions) {
            ran.fault = "interrupted";
            ran.detail = "the daemon ended each time while this ran: it may be the reason";
        } else if (running.row().function == deliveries) {
            ran = co_await deliver(*running.taken);
            ran.cancelled = running.cancelled && !ran.fault.empty();
        } else {
            ran = co_await invoke(running, self, reply);
        }
        // Its place is free; what takes it is read in the same transaction as its end is written.
        place.leave();
        pump();
        const bool ended = co_await settle(running, std::move(ran), std::move(reply));
        if (running.cancelled && !ended) cancelled = running.row().id;
    }
    // It was to have another attempt when somebody cancelled it. One that has just been taken again is found once it runs.
    for (int time = 0; time < cancel_tries && !cancelled.empty() && !draining_; ++time) {
        if (const auto done = co_await cancel(cancelled); done) break;
        co_await parts_.clock.sleep_for(cancel_pause);
    }
    if (lines_.next_due()) due_changed_.notify_all();
}

Task<Ran> Queue::invoke(Running& running, async::Canceller& self, store::KeptReply& reply) {
    Ran ran;
    const auto function = parts_.find(running.row().function);
    auto event = read_head(running.taken->payload.head);
    if (!function || !event) {
        ran.fault = function ? base::name(Fault::storage) : "gone";
        ran.detail = function ? event.error().detail : "the function is gone: deploy it again and redrive this";
        co_return ran;
    }
    const auto& payload = running.taken->payload;
    event->id = running.row().id;
    event->function = running.row().function;
    event->attempt = running.row().attempts;
    event->chunked = false;
    event->content_length.reset();
    if (running.row().bytes > 0) event->content_length = running.row().bytes;
    const auto file = payload.file.empty() ? std::string() : settings_.directory + "/bodies/" + payload.file;
    KeptBody body(payload.body, file, parts_.blocking);
    ReplyKeeper keeper(reply, function->spec.async.result);
    const auto outcome = co_await parts_.invoker.invoke(function, *event, body, keeper, self);
    ran.cancelled = running.cancelled;
    ran.stopped = draining_ && !outcome && !running.cancelled;
    ran.http_status = reply.status;
    ran.retry_after = keeper.retry_after();
    if (!outcome) {
        ran.fault = base::name(outcome.error().fault);
        ran.detail = outcome.error().detail;
        ran.exit_code = contract::exit_code_of(outcome.error());
        co_return ran;
    }
    ran.exit_code = outcome->exit_code;
    ran.signal = outcome->signal;
    if (outcome->reply_incomplete) {
        ran.fault = base::name(Fault::function_failed);
        ran.detail = outcome->incomplete_reason;
    } else if (outcome->local_redirect && !keeper.begun()) {
        ran.fault = base::name(Fault::invalid);
        ran.detail = "the function redirected locally, which a queued event cannot follow";
    }
    co_return ran;
}

/// Writes down how an attempt ended. Where the disk refuses, again and again: the event has run. Whether the event has ended with it.
Task<bool> Queue::settle(Running& running, Ran ran, store::KeptReply reply) {
    const auto& row = running.row();
    const auto at = now();
    const auto rules = policy(row.function);
    const auto verdict = judge(rules, row, ran, at, std::uniform_real_distribution<double>(0, 1)(random_));
    const bool ended = verdict.state != EventState::queued;
    store::Ending ending;
    ending.seq = row.seq;
    ending.state = verdict.state;
    ending.due = verdict.due;
    ending.keep_until = at + in_millis(rules.retention);
    ending.fault = ended ? verdict.fault : "";
    ending.detail = ended ? verdict.detail : "";
    auto& attempt = ending.attempt;
    attempt.started = running.started;
    attempt.ended = at;
    attempt.counted = verdict.counts;
    attempt.http_status = ran.http_status;
    attempt.exit_code = ran.exit_code;
    attempt.outcome = verdict.fault.empty() ? "ok" : verdict.fault;
    attempt.detail = verdict.detail;
    attempt.log = log_of(running, !verdict.fault.empty());
    if (ended) {
        send_on(running, rules, reply, ending);
        if (reply.status != 0) ending.reply = std::move(reply);
    }
    const char* const word = verdict.state == EventState::succeeded   ? "succeeded"
                             : verdict.state == EventState::failed    ? "failed"
                             : verdict.state == EventState::cancelled ? "cancelled"
                                                                      : "retried";
    if (row.function != deliveries) parts_.metrics.queued(row.function, word);
    const auto kept = std::make_shared<const store::Ending>(std::move(ending));
    for (;;) {
        auto writing = parts_.events.end(kept, written());
        const auto done = co_await std::move(writing);
        if (done) break;
        parts_.log.error("the end of a queued event cannot be written",
                         {{"id", row.id}, {"reason", done.error().detail}});
        if (draining_) co_return true;  // it is run once more after the next start
        co_await parts_.clock.sleep_for(storage_pause);
    }
    if (ended) told(row.id);
    co_return ended;
}

std::string Queue::log_of(const Running& running, bool failed) const {
    std::string log;
    const auto& row = running.row();
    for (const auto& line : parts_.log_book.read(row.function, running.log_before, {}, 1000)) {
        // What a server that serves several events writes has no id: of use where something went wrong.
        if (line.invocation != row.id && !(failed && line.invocation.empty())) continue;
        log.append(line.text).append("\n");
    }
    if (log.size() > settings_.log) log.erase(0, log.size() - settings_.log);
    return log;
}

void Queue::send_on(const Running& running, const function::Async& policy, const store::KeptReply& reply,
                    store::Ending& ending) const {
    const bool succeeded = ending.state == EventState::succeeded;
    const auto& to = succeeded ? policy.on_success : policy.on_failure;
    if ((!to && running.row().callback.empty()) || ending.state == EventState::cancelled) return;
    const auto event = read_head(running.taken->payload.head);
    if (!event) return;
    const End end{running.row(), *event, running.taken->payload, reply, ending};
    const auto add = [&](Order order) {
        order.event.server_name = "localhost";
        order.origin = "destination:" + running.row().id;
        ending.next.push_back(prepare(std::move(order)));
    };
    if (to && hops_of(*event) >= settings_.most_hops) {
        parts_.log.warn("a destination is not followed: events have made events too often",
                        {{"id", running.row().id}, {"function", running.row().function}});
    } else if (to) {
        add(to_destination(end, *to));
    }
    if (!running.row().callback.empty()) add(to_callback(end, running.row().callback));
}

Task<Ran> Queue::deliver(const store::Taken& taken) {
    Ran ran;
    const auto event = read_head(taken.payload.head);
    if (!event) {
        ran.fault = base::name(Fault::storage);
        ran.detail = event.error().detail;
        co_return ran;
    }
    if (event->method == to_file) {
        const auto path = settings_.directory + "/sinks/" + event->target;
        auto work = [&] { return append_line(path, taken.payload.body); };
        const auto done = co_await parts_.blocking.run(work);
        ran.http_status = 200;
        if (!done) ran.fault = base::name(Fault::storage);
        if (!done) ran.detail = done.error().detail;
        co_return ran;
    }
    auto url = event->target;
    auto fields = event->fields;
    auto body = taken.payload.body;
    const auto status = co_await outbound_.post(std::move(url), std::move(fields), std::move(body));
    if (status && *status >= 300 && *status < 400) {
        ran.http_status = *status;
        ran.fault = base::name(Fault::function_failed);
        ran.detail = "the URL answered " + std::to_string(*status) +
                     ", a redirect, and those are not followed: give the URL that it leads to";
    } else if (status) {
        ran.http_status = *status;
    } else {
        ran.stopped = draining_;
        ran.fault = base::name(status.error().fault);
        ran.detail = status.error().detail;
    }
    co_return ran;
}

/// What has no task any more, for want of memory say, loses its lease and is due again.
Task<void> Queue::renew_leases() {
    for (;;) {
        co_await parts_.clock.sleep_for(settings_.lease / 3);
        try {
            co_await renew_once();
        } catch (const std::bad_alloc&) {  // the next time
        }
    }
}

Task<void> Queue::renew_once() {
    std::vector<std::int64_t> seqs;
    for (const auto& [id, running] : running_) seqs.push_back(running->row().seq);
    const auto until = now() + in_millis(settings_.lease);
    if (!seqs.empty()) leased_until_ = std::max(leased_until_, until);
    if (leased_until_ == 0) co_return;  // nothing has run since all was known to have ended
    const bool last = leased_until_ < now();
    auto renewing = parts_.events.renew(std::move(seqs), until, now(), written());
    const auto done = co_await std::move(renewing);
    if (!done) parts_.log.warn("leases cannot be renewed", {{"reason", done.error().detail}});
    if (done && last && leased_until_ < now()) leased_until_ = 0;
}

/// What was kept long enough is forgotten.
Task<void> Queue::tidy() {
    for (;;) {
        co_await parts_.clock.sleep_for(tidy_pause);
        try {
            co_await tidy_once();
        } catch (const std::bad_alloc&) {  // the next time
        }
    }
}

Task<void> Queue::tidy_once() {
    for (std::int64_t gone = purged_at_once; gone == static_cast<std::int64_t>(purged_at_once);) {
        const auto done = co_await parts_.events.purge(now(), purged_at_once);
        gone = done ? done->changed : 0;
        if (done) remove_files(done->files);
    }
}

Task<void> Queue::drain() {
    wind_down();
    outbound_.stop();
    while (!running_.empty()) co_await parts_.clock.sleep_for(std::chrono::milliseconds(10));
    co_await parts_.events.drain();
    tasks_.cancel();
    co_await tasks_.join();
}

}  // namespace shallop::queue
