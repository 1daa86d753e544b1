// SPDX-License-Identifier: Apache-2.0
// Jobs, and the events of their indexes.
#include "store/event_columns.h"
#include "store/event_commit.h"

namespace shallop::store {
namespace {

using base::Error;
using base::Fault;

}  // namespace

Outcome<void> Events::Rows::put_job(const JobRow& job) {
    return sql_.run(
        "INSERT INTO jobs(id, name, document, spec, image, state, created, ended, keep_until)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, 0, 0)",
        job.id, job.name, job.document, job.spec, job.image, job.state, job.created);
}

/// One by its id, or those below `before`, or those that run.
Outcome<std::vector<JobRow>> Events::Rows::jobs(const std::string& id, const std::string& before, bool running,
                                                std::size_t limit) {
    std::vector<JobRow> all;
    const auto done = sql_.each(
        "SELECT id, name, document, spec, image, state, created, ended, keep_until FROM jobs"
        " WHERE (?1 = '' OR id = ?1) AND (?2 = '' OR id < ?2) AND (?3 = 0 OR state = 'running')"
        " ORDER BY id DESC LIMIT ?4",
        [&](const Statement& row) {
            all.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.text(5), row.number(6),
                           row.number(7), row.number(8)});
        },
        id, before, int{running}, limit);
    if (!done) return done.error();
    return all;
}

Outcome<void> Events::Rows::end_job(const JobRow& job, KeepIndexes keep) {
    auto done = sql_.run("UPDATE jobs SET state = ?2, ended = ?3, keep_until = ?4 WHERE id = ?1", job.id, job.state,
                         job.ended, job.keep_until);
    if (!done || keep == KeepIndexes::all) return done;
    // Of what is not kept the rows stay, which say how each index ended; what it printed goes.
    const int least = keep == KeepIndexes::none ? 2 : 9;
    done = sql_.run(
        "DELETE FROM results WHERE seq IN (SELECT seq FROM events WHERE function = ?1 AND (state = 2 OR state >= ?2))",
        job.name, least);
    if (!done) return done;
    return sql_.run(
        "UPDATE attempts SET log = '' WHERE seq IN (SELECT seq FROM events WHERE function = ?1 AND"
        " (state = 2 OR state >= ?2))",
        job.name, least);
}

Outcome<std::int64_t> Events::Rows::cancel_all(const std::string& function, Millis now, Millis keep_until,
                                               std::vector<Change>& changes) {
    std::int64_t bytes = 0;
    auto done = sql_.each(
        "SELECT coalesce(sum(bytes), 0) FROM events WHERE function = ? AND state IN (0, 5)",
        [&](const Statement& row) { bytes = row.number(0); }, function);
    if (!done) return done.error();
    done = sql_.run(
        "UPDATE events SET state = 4, ended = ?2, keep_until = ?3, fault = 'cancelled',"
        " detail = 'cancelled by an operator before it ran' WHERE function = ?1 AND state IN (0, 5)",
        function, now, keep_until);
    if (!done) return done.error();
    const auto count = sql_.changed();
    if (count > 0) changes.push_back({function, -count, -bytes, count, false, now});
    return count;
}

Outcome<Result<Change>> Events::Rows::forget_job(const std::string& id) {
    const auto found = jobs(id, "", false, 1);
    if (!found) return found.error();
    if (found->empty()) return Result<Change>(Error(Fault::not_found, "there is no job '" + id.substr(0, 40) + "'"));
    const auto& job = found->front();
    if (job.state == "running") return Result<Change>(Error(Fault::conflict, "this job runs: cancel it first"));
    std::vector<std::int64_t> events;
    auto done = sql_.each(
        "SELECT seq FROM events WHERE function = ?", [&](const Statement& row) { events.push_back(row.number(0)); },
        job.name);
    Change change{job.name, 0, 0, 1, false, 0};
    for (const auto seq : events) {
        if (done) done = forget(seq, change.files);
    }
    if (done) done = sql_.run("DELETE FROM jobs WHERE id = ?", id);
    if (!done) return done.error();
    return Result<Change>(std::move(change));
}

Outcome<std::vector<std::string>> Events::Rows::old_jobs(Millis now, std::size_t most) {
    std::vector<std::string> ids;
    const auto done = sql_.each(
        "SELECT id FROM jobs WHERE state <> 'running' AND keep_until <= ? LIMIT ?",
        [&](const Statement& row) { ids.push_back(row.text(0)); }, now, most);
    if (!done) return done.error();
    return ids;
}

Outcome<std::vector<WholeEvent>> Events::Rows::in_order(const std::string& function, std::size_t from,
                                                        std::size_t limit) {
    std::vector<std::string> ids;
    const auto done = sql_.each(
        "SELECT id FROM events WHERE function = ? ORDER BY seq LIMIT ? OFFSET ?",
        [&](const Statement& row) { ids.push_back(row.text(0)); }, function, limit, from);
    if (!done) return done.error();
    std::vector<WholeEvent> all;
    for (const auto& id : ids) {
        auto one = find_brief(id);
        if (!one) return one.error();
        if (*one) all.push_back(std::move(**one));
    }
    return all;
}

Task<Status> Events::put_job(JobRow job, std::vector<NewEvent> indexes, Written written) {
    auto work = [job = std::move(job), indexes = std::move(indexes)](Rows& rows,
                                                                     Changes& changes) -> Outcome<Result<bool>> {
        if (const auto done = rows.put_job(job); !done) return done.error();
        for (const auto& event : indexes) {
            if (const auto one = rows.put(event, changes); !one) return one.error();
        }
        return Result<bool>(true);
    };
    auto putting = commit<bool>(std::move(work), std::move(written));
    const auto done = co_await std::move(putting);
    if (!done) co_return done.error();
    co_return Status();
}

Task<Result<std::optional<JobRow>>> Events::job(std::string id) {
    return read<std::optional<JobRow>>([id = std::move(id)](Rows& rows) -> Outcome<std::optional<JobRow>> {
        auto found = rows.jobs(id, "", false, 1);
        if (!found) return found.error();
        if (found->empty()) return std::optional<JobRow>();
        return std::optional<JobRow>(std::move(found->front()));
    });
}

Task<Result<std::vector<JobRow>>> Events::jobs(std::string before, std::size_t limit) {
    return read<std::vector<JobRow>>([=](Rows& rows) { return rows.jobs("", before, false, limit); });
}

Task<Result<std::vector<JobRow>>> Events::running_jobs() {
    constexpr std::size_t all = 100'000;
    return read<std::vector<JobRow>>([](Rows& rows) { return rows.jobs("", "", true, all); });
}

Task<Status> Events::end_job(JobRow job, KeepIndexes keep) {
    auto work = [job = std::move(job), keep](Rows& rows, Changes&) -> Outcome<Result<bool>> {
        if (const auto done = rows.end_job(job, keep); !done) return done.error();
        return Result<bool>(true);
    };
    auto ending = commit<bool>(std::move(work));
    const auto done = co_await std::move(ending);
    if (!done) co_return done.error();
    co_return Status();
}

Task<Result<std::int64_t>> Events::cancel_all(std::string function, Millis now, Millis keep_until, Written written) {
    return commit<std::int64_t>(
        [=](Rows& rows, Changes& changes) { return sure(rows.cancel_all(function, now, keep_until, changes)); },
        std::move(written));
}

Task<Result<Change>> Events::forget_job(std::string id, Written written) {
    return commit<Change>([=](Rows& rows, Changes& changes) { return noted(rows.forget_job(id), changes); },
                          std::move(written));
}

Task<Result<std::vector<std::string>>> Events::old_jobs(Millis now, std::size_t most) {
    return read<std::vector<std::string>>([=](Rows& rows) { return rows.old_jobs(now, most); });
}

Task<Result<std::vector<WholeEvent>>> Events::in_order(std::string function, std::size_t from, std::size_t limit) {
    return read<std::vector<WholeEvent>>([=](Rows& rows) { return rows.in_order(function, from, limit); });
}

}  // namespace shallop::store
