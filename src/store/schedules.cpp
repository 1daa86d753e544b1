// SPDX-License-Identifier: Apache-2.0
#include "store/schedules.h"

#include <utility>

#include "store/database.h"

namespace shallop::store {
Outcome<void> Schedules::prepare(Connection& connection) {
    const std::pair<Statement*, std::string_view> all[]{
        {&load_,
         "SELECT id, function, plan, created, updated, anchor, done, last_tick, last_invocation, last_outcome,"
         " rewinds FROM schedules ORDER BY id"},
        {&put_,
         "INSERT OR REPLACE INTO schedules(id, function, plan, created, updated, anchor, done, last_tick,"
         " last_invocation, last_outcome, rewinds) VALUES(?,?,?,?,?,?,?,?,?,?,?)"},
        {&note_,
         "UPDATE schedules SET done = ?2, last_tick = ?3, last_invocation = ?4, last_outcome = ?5,"
         " rewinds = ?6 WHERE id = ?1"},
        {&remove_, "DELETE FROM schedules WHERE id = ?"},
        {&remove_of_, "DELETE FROM schedules WHERE function = ?"},
    };
    for (const auto& [statement, sql] : all) {
        auto prepared = connection.prepare(sql);
        if (!prepared) return prepared.error();
        *statement = std::move(*prepared);
    }
    return {};
}

Outcome<std::vector<StoredSchedule>> Schedules::load() {
    std::vector<StoredSchedule> all;
    while (true) {
        const auto row = load_.step();
        if (!row) return row.error();
        if (!*row) return all;
        all.push_back(
            {load_.text(1),
             load_.text(2),
             load_.number(3),
             load_.number(4),
             load_.number(5),
             {load_.text(0), load_.number(6), load_.number(7), load_.text(8), load_.text(9), load_.number(10)}});
    }
}

Outcome<void> Schedules::put(const StoredSchedule& schedule) {
    const auto& note = schedule.note;
    put_.bind(1, note.id).bind(2, schedule.function).bind(3, schedule.plan).bind(4, schedule.created);
    put_.bind(5, schedule.updated).bind(6, schedule.anchor).bind(7, note.done).bind(8, note.last_tick);
    put_.bind(9, note.last_invocation).bind(10, note.last_outcome).bind(11, note.rewinds);
    return finish(put_);
}

Outcome<void> Schedules::note(const ScheduleNote& note) {
    note_.bind(1, note.id).bind(2, note.done).bind(3, note.last_tick);
    note_.bind(4, note.last_invocation).bind(5, note.last_outcome).bind(6, note.rewinds);
    return finish(note_);
}

Outcome<void> Schedules::remove(const std::string& id) { return finish(remove_.bind(1, id)); }

Outcome<void> Schedules::remove_of(const std::string& function) { return finish(remove_of_.bind(1, function)); }

Result<std::vector<StoredSchedule>> Store::Database::load_schedules() {
    auto all = schedules_.load();
    if (!all) return refused(all.error(), "reading").error();
    return std::move(*all);
}

Status Store::Database::put_schedule(const StoredSchedule& schedule) {
    return transact([&] { return schedules_.put(schedule); });
}

Status Store::Database::note_schedules(const std::vector<ScheduleNote>& notes) {
    return transact([&]() -> Outcome<void> {
        for (const auto& note : notes) {
            if (auto done = schedules_.note(note); !done) return done;
        }
        return {};
    });
}

Status Store::Database::remove_schedule(const std::string& id) {
    return transact([&] { return schedules_.remove(id); });
}

Task<Result<std::vector<StoredSchedule>>> Store::load_schedules() {
    const auto mine = co_await turn();
    auto work = [this] { return database_->load_schedules(); };
    co_return co_await pool_.run(work);
}

Task<Status> Store::put_schedule(StoredSchedule schedule) {
    const auto mine = co_await turn();
    auto work = [this, &schedule] { return database_->put_schedule(schedule); };
    co_return co_await pool_.run(work);
}

Task<Status> Store::note_schedules(std::vector<ScheduleNote> notes) {
    const auto mine = co_await turn();
    auto work = [this, &notes] { return database_->note_schedules(notes); };
    co_return co_await pool_.run(work);
}

Task<Status> Store::remove_schedule(std::string id) {
    const auto mine = co_await turn();
    auto work = [this, &id] { return database_->remove_schedule(id); };
    co_return co_await pool_.run(work);
}

}  // namespace shallop::store
