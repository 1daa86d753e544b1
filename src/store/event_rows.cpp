// SPDX-License-Identifier: Apache-2.0
// The statements that change queued events; those that only look are in event_views.cpp.
#include "store/event_rows.h"

#include "store/event_columns.h"

namespace shallop::store {
namespace {

using base::Error;
using base::Fault;

constexpr int as_number(EventState state) { return static_cast<int>(state); }

bool in_line(EventState state) { return state == EventState::queued || state == EventState::waiting; }

Error index_of_a_job() {
    return {Fault::conflict, "this is an index of a job, which counts how its indexes ended: run the job again"};
}

Error unknown(const std::string& id) {
    return {Fault::not_found, "there is no queued invocation '" + id.substr(0, 40) + "'"};
}

}  // namespace

/// What was cut off is no attempt of the event's.
Outcome<void> Events::Rows::requeue_running(Millis now, Millis lease_before, std::string_view why,
                                            std::vector<Change>& changes) {
    std::vector<EventRow> cut;
    auto done = sql_.each(
        "SELECT " EVENT_COLUMNS " FROM events e WHERE e.state = 1 AND e.lease < ?",
        [&](const Statement& row) { cut.push_back(event_row(row)); }, lease_before);
    if (!done) return done;
    for (const auto& event : cut) {
        const auto seq = event.seq;
        Attempt attempt;
        attempt.started = attempt.ended = now;
        attempt.counted = false;
        attempt.outcome = "interrupted";
        attempt.detail = why;
        if (done = note(seq, attempt); !done) return done;
        done = sql_.run(
            "UPDATE events SET state = 0, due = ?2, interruptions = interruptions + 1, attempts = attempts - 1,"
            " lease = 0 WHERE seq = ?1",
            seq, now);
        if (!done) return done;
        Change change;
        change.function = event.function;
        change.changed = change.queued = 1;
        change.due = now;
        change.bytes = static_cast<std::int64_t>(event.bytes);
        changes.push_back(std::move(change));
    }
    return {};
}

Outcome<std::optional<Put>> Events::Rows::by_key(const NewEvent& event) {
    std::optional<Put> there;
    const auto done = sql_.each(
        "SELECT id, fingerprint FROM idempotency WHERE function = ? AND key = ? AND until > ?",
        [&](const Statement& row) { there = Put{row.text(0), true, row.text(1) != event.fingerprint, false}; },
        event.row.function, event.idempotency_key, event.row.accepted);
    if (!done) return done.error();
    return there;
}

/// Whether an older event with its ordering key has not ended.
Outcome<bool> Events::Rows::behind_another(const EventRow& row) {
    if (row.ordering_key.empty()) return false;
    const auto found = sql_.number(
        "SELECT 1 FROM events WHERE function = ? AND ordering_key = ? AND ordering_key <> '' AND state IN (0, 1, 5)"
        " LIMIT 1",
        0, row.function, row.ordering_key);
    if (!found) return found.error();
    return *found == 1;
}

Outcome<Put> Events::Rows::put(const NewEvent& event, std::vector<Change>& changes) {
    if (!event.idempotency_key.empty()) {
        auto there = by_key(event);
        if (!there) return there.error();
        if (*there) return std::move(**there);
        const auto kept =
            sql_.run("INSERT OR REPLACE INTO idempotency(function, key, id, fingerprint, until) VALUES(?, ?, ?, ?, ?)",
                     event.row.function, event.idempotency_key, event.row.id, event.fingerprint, event.key_until);
        if (!kept) return kept.error();
    }
    const auto waits = behind_another(event.row);
    if (!waits) return waits.error();
    const auto& row = event.row;
    const auto state = *waits ? EventState::waiting : EventState::queued;
    auto done = sql_.run(
        "INSERT INTO events(id, function, state, due, bytes, attempts, interruptions, accepted, lease, ended,"
        " keep_until, http_status, origin, ordering_key, callback, fault, detail)"
        " VALUES(?, ?, ?, ?, ?, 0, 0, ?, 0, 0, 0, 0, ?, ?, ?, '', '')",
        row.id, row.function, as_number(state), row.due, row.bytes, row.accepted, row.origin, row.ordering_key,
        row.callback);
    if (!done) return done.error();
    done = sql_.run("INSERT INTO payloads(seq, head, file, body) VALUES(?, ?, ?, ?)", sql_.last_key(),
                    Blob{event.payload.head}, event.payload.file, Blob{event.payload.body});
    if (!done) return done.error();
    changes.push_back({row.function, 1, static_cast<std::int64_t>(row.bytes), 1, false, row.due});
    return Put{row.id, false, false, *waits};
}

Outcome<Batch> Events::Rows::take(const std::string& function, Millis now, std::size_t most, Millis lease) {
    Batch batch;
    auto done = sql_.each(
        "SELECT " EVENT_COLUMNS
        ", p.head, p.body, p.file FROM events e JOIN payloads p ON p.seq = e.seq"
        " WHERE e.function = ? AND e.state = 0 AND e.due <= ? ORDER BY e.due, e.seq LIMIT ?",
        [&](const Statement& row) {
            auto& one = batch.events.emplace_back();
            one.row = event_row(row);
            one.payload = {row.text(event_columns), row.text(event_columns + 1), row.text(event_columns + 2)};
        },
        function, now, most);
    if (!done) return done.error();
    for (auto& one : batch.events) {
        one.row.state = EventState::running;
        ++one.row.attempts;
        done = sql_.run("UPDATE events SET state = 1, attempts = attempts + 1, lease = ?2 WHERE seq = ?1", one.row.seq,
                        lease);
        if (!done) return done.error();
    }
    done = sql_.each(
        "SELECT due FROM events WHERE function = ? AND state = 0 ORDER BY due LIMIT 1",
        [&](const Statement& row) { batch.next_due = row.number(0); }, function);
    if (!done) return done.error();
    return batch;
}

Outcome<void> Events::Rows::renew(const std::vector<std::int64_t>& running, Millis lease) {
    for (const auto seq : running) {
        if (auto done = sql_.run("UPDATE events SET lease = ?2 WHERE seq = ?1 AND state = 1", seq, lease); !done)
            return done;
    }
    return {};
}

Outcome<void> Events::Rows::note(std::int64_t seq, const Attempt& attempt) {
    auto done = sql_.run(
        "INSERT INTO attempts(seq, number, started, ended, counted, http_status, exit_code, outcome, detail, log)"
        " VALUES(?1, 1 + (SELECT coalesce(max(number), 0) FROM attempts WHERE seq = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
        " ?9)",
        seq, attempt.started, attempt.ended, int{attempt.counted}, attempt.http_status, attempt.exit_code,
        attempt.outcome, attempt.detail, attempt.log);
    if (!done) return done;
    // An event that is put off again and again keeps the story of its last attempts only.
    return sql_.run(
        "DELETE FROM attempts WHERE seq = ?1 AND number <= (SELECT max(number) FROM attempts WHERE seq = ?1) - 50",
        seq);
}

Outcome<void> Events::Rows::keep(std::int64_t seq, const KeptReply& reply) {
    return sql_.run("INSERT OR REPLACE INTO results(seq, status, truncated, fields, body) VALUES(?, ?, ?, ?, ?)", seq,
                    reply.status, int{reply.truncated}, reply.fields, Blob{reply.body});
}

/// The oldest that waits behind the ordering key of `ended`, if no other does.
Outcome<std::int64_t> Events::Rows::let_next_go(const EventRow& ended, Millis now) {
    if (ended.ordering_key.empty()) return 0;
    const auto done = sql_.run(
        "UPDATE events SET state = 0, due = ?3 WHERE seq = (SELECT seq FROM events WHERE function = ?1"
        " AND ordering_key = ?2 AND ordering_key <> '' AND state IN (0, 1, 5) ORDER BY seq LIMIT 1) AND state = 5",
        ended.function, ended.ordering_key, now);
    if (!done) return done.error();
    return sql_.changed();
}

Outcome<Change> Events::Rows::end(const Ending& ending, std::vector<Change>& changes) {
    Change change;
    EventRow now_is;
    auto done = sql_.each(
        "SELECT " EVENT_COLUMNS " FROM events e WHERE e.seq = ? AND e.state = 1",
        [&](const Statement& row) { now_is = event_row(row); }, ending.seq);
    if (!done) return done.error();
    if (now_is.id.empty()) return change;  // its lease was lost: another attempt is what counts
    const bool ended = ending.state != EventState::queued;
    done = sql_.run(
        "UPDATE events SET state = ?2, due = ?3, attempts = attempts - ?4, lease = 0, ended = ?5, keep_until = ?6,"
        " http_status = ?7, fault = ?8, detail = ?9 WHERE seq = ?1",
        ending.seq, as_number(ending.state), ended ? now_is.due : ending.due, int{!ending.attempt.counted},
        ended ? ending.attempt.ended : 0, ended ? ending.keep_until : 0, ending.attempt.http_status, ending.fault,
        ending.detail);
    if (done) done = note(ending.seq, ending.attempt);
    if (done && ending.reply) done = keep(ending.seq, *ending.reply);
    if (!done) return done.error();
    for (const auto& event : ending.next) {
        if (const auto made = put(event, changes); !made) return made.error();
    }
    change.function = now_is.function;
    change.changed = 1;
    if (!ended) {
        change.queued = 1;
        change.bytes = static_cast<std::int64_t>(now_is.bytes);
        change.due = ending.due;
        return change;
    }
    const auto next = let_next_go(now_is, ending.attempt.ended);
    if (!next) return next.error();
    change.let_go = *next > 0;
    change.due = ending.attempt.ended;
    return change;
}

Outcome<Result<Change>> Events::Rows::cancel(const std::string& id, Millis now, Millis keep_until) {
    auto found = row(id);
    if (!found) return found.error();
    if (!*found) return Result<Change>(unknown(id));
    const auto& event = **found;
    if (!in_line(event.state)) {
        return Result<Change>(Error(Fault::conflict, event.state == EventState::running
                                                         ? "this invocation runs"
                                                         : "this invocation has already ended"));
    }
    const auto done = sql_.run(
        "UPDATE events SET state = 4, ended = ?2, keep_until = ?3, fault = 'cancelled',"
        " detail = 'cancelled by an operator before it ran' WHERE seq = ?1",
        event.seq, now, keep_until);
    if (!done) return done.error();
    const auto next = let_next_go(event, now);
    if (!next) return next.error();
    return Result<Change>(Change{event.function, -1, -static_cast<std::int64_t>(event.bytes), 1, *next > 0, now});
}

Outcome<Result<Change>> Events::Rows::redrive(const std::string& id, Millis now) {
    auto found = row(id);
    if (!found) return found.error();
    if (!*found) return Result<Change>(unknown(id));
    const auto& event = **found;
    if (is_index(event)) return Result<Change>(index_of_a_job());
    if (event.state != EventState::failed && event.state != EventState::cancelled) {
        return Result<Change>(
            Error(Fault::conflict, "only an invocation that has failed or was cancelled can be redriven"));
    }
    const auto waits = behind_another(event);
    if (!waits) return waits.error();
    auto done = sql_.run("DELETE FROM results WHERE seq = ?", event.seq);
    if (!done) return done.error();
    done = sql_.run(
        "UPDATE events SET state = ?2, due = ?3, accepted = ?3, attempts = 0, interruptions = 0, ended = 0,"
        " keep_until = 0, http_status = 0, fault = '', detail = '' WHERE seq = ?1",
        event.seq, as_number(*waits ? EventState::waiting : EventState::queued), now);
    if (!done) return done.error();
    return Result<Change>(Change{event.function, 1, static_cast<std::int64_t>(event.bytes), 1, false, now});
}

Outcome<void> Events::Rows::forget(std::int64_t seq, std::vector<std::string>& files) {
    auto done = sql_.each(
        "SELECT file FROM payloads WHERE seq = ? AND file <> ''",
        [&](const Statement& row) { files.push_back(row.text(0)); }, seq);
    if (done) done = sql_.run("DELETE FROM attempts WHERE seq = ?", seq);
    if (done) done = sql_.run("DELETE FROM results WHERE seq = ?", seq);
    if (done) done = sql_.run("DELETE FROM payloads WHERE seq = ?", seq);
    if (done) done = sql_.run("DELETE FROM events WHERE seq = ?", seq);
    return done;
}

Outcome<Result<Change>> Events::Rows::drop(const std::string& id) {
    auto found = row(id);
    if (!found) return found.error();
    if (!*found) return Result<Change>(unknown(id));
    const auto& event = **found;
    if (is_index(event)) return Result<Change>(index_of_a_job());
    if (event.state != EventState::failed)
        return Result<Change>(Error(Fault::conflict, "only a dead letter can be dropped: this invocation is none"));
    Change change{event.function, 0, 0, 1, false};
    if (const auto done = forget(event.seq, change.files); !done) return done.error();
    return Result<Change>(std::move(change));
}

Outcome<Change> Events::Rows::purge(Millis now, std::size_t most) {
    std::vector<std::int64_t> old;
    auto done = sql_.each(
        "SELECT seq FROM events WHERE state IN (2, 3, 4) AND keep_until <= ? LIMIT ?",
        [&](const Statement& row) { old.push_back(row.number(0)); }, now, most);
    Change change;
    for (const auto seq : old) {
        if (done) done = forget(seq, change.files);
    }
    if (done) {
        done = sql_.run(
            "DELETE FROM idempotency WHERE (function, key) IN (SELECT function, key FROM idempotency WHERE until <= ?"
            " LIMIT ?)",
            now, most);
    }
    if (!done) return done.error();
    change.changed = static_cast<std::int64_t>(old.size());
    return change;
}

}  // namespace shallop::store
