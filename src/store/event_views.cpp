// SPDX-License-Identifier: Apache-2.0
// The statements that look at queued events and change nothing.
#include "store/event_columns.h"
#include "store/event_rows.h"

#include <utility>

namespace shallop::store {
namespace {

/// A pattern of LIKE.
const std::string of_jobs = std::string(job_prefix) + "%";

}  // namespace

Outcome<std::optional<EventRow>> Events::Rows::row(const std::string& id) {
    std::optional<EventRow> found;
    const auto done = sql_.each(
        "SELECT " EVENT_COLUMNS " FROM events e WHERE e.id = ?", [&](const Statement& row) { found = event_row(row); },
        id);
    if (!done) return done.error();
    return found;
}

/// Counted afresh, function by function, each from its part of the index alone.
Outcome<std::vector<Line>> Events::Rows::lines() {
    std::vector<Line> lines;
    auto done = sql_.each(
        "WITH RECURSIVE names(name) AS (SELECT min(function) FROM events UNION ALL"
        " SELECT (SELECT min(function) FROM events WHERE function > name) FROM names WHERE name IS NOT NULL)"
        " SELECT name FROM names WHERE name IS NOT NULL",
        [&](const Statement& row) { lines.push_back({row.text(0)}); });
    for (auto& line : lines) {
        if (!done) break;
        done = sql_.each(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(min(due), 0) FROM events INDEXED BY events_by_function"
            " WHERE function = ? AND state = 0",
            [&](const Statement& row) {
                line.events = row.number(0);
                line.bytes = static_cast<base::Bytes>(row.number(1));
                line.next_due = row.number(2);
            },
            line.function);
        if (!done) break;
        done = sql_.each(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM events INDEXED BY events_by_function"
            " WHERE function = ? AND state = 5",
            [&](const Statement& row) {
                line.events += row.number(0);
                line.bytes += static_cast<base::Bytes>(row.number(1));
            },
            line.function);
    }
    if (!done) return done.error();
    return lines;
}

Outcome<std::vector<std::string>> Events::Rows::failed(const std::string& function, std::size_t most) {
    std::vector<std::string> ids;
    const auto add = [&](const Statement& row) { ids.push_back(row.text(0)); };
    const auto done =
        function.empty()
            ? sql_.each("SELECT id FROM events WHERE state = 3 AND function NOT LIKE ? ORDER BY id LIMIT ?", add,
                        of_jobs, most)
            : sql_.each("SELECT id FROM events WHERE function = ? AND state = 3 LIMIT ?", add, function, most);
    if (!done) return done.error();
    return ids;
}

Outcome<std::optional<WholeEvent>> Events::Rows::find(const std::string& id) {
    auto found = find_brief(id);
    if (!found || !*found) return found;
    auto& event = **found;
    auto done = sql_.each(
        "SELECT status, truncated, fields, body FROM results WHERE seq = ?",
        [&](const Statement& row) {
            event.reply = {static_cast<int>(row.number(0)), row.number(1) != 0, row.text(2), row.text(3)};
        },
        event.row.seq);
    std::size_t at = 0;
    if (done) {
        done = sql_.each(
            "SELECT log FROM attempts WHERE seq = ? ORDER BY number",
            [&](const Statement& row) { event.attempts.at(at++).log = row.text(0); }, event.row.seq);
    }
    if (!done) return done.error();
    return found;
}

Outcome<std::optional<WholeEvent>> Events::Rows::find_brief(const std::string& id) {
    std::optional<WholeEvent> found;
    auto done = sql_.each(
        "SELECT " EVENT_COLUMNS ", p.head FROM events e JOIN payloads p ON p.seq = e.seq WHERE e.id = ?",
        [&](const Statement& row) { found = {event_row(row), row.text(event_columns), {}, {}}; }, id);
    if (!done) return done.error();
    if (!found) return found;
    done = sql_.each(
        "SELECT started, ended, counted, http_status, exit_code, outcome, detail FROM attempts"
        " WHERE seq = ? ORDER BY number",
        [&](const Statement& row) {
            found->attempts.push_back({row.number(0), row.number(1), row.number(2) != 0,
                                       static_cast<int>(row.number(3)), static_cast<int>(row.number(4)), row.text(5),
                                       row.text(6), ""});
        },
        found->row.seq);
    if (!done) return done.error();
    return found;
}

Outcome<std::optional<Taken>> Events::Rows::payload(const std::string& id) {
    std::optional<Taken> found;
    const auto done = sql_.each(
        "SELECT " EVENT_COLUMNS
        ", p.head, p.body, p.file FROM events e JOIN payloads p ON p.seq = e.seq"
        " WHERE e.id = ?",
        [&](const Statement& row) {
            found = {event_row(row),
                     {row.text(event_columns), row.text(event_columns + 1), row.text(event_columns + 2)}};
        },
        id);
    if (!done) return done.error();
    return found;
}

Outcome<void> Events::Rows::list(EventFilter& filter, std::vector<WholeEvent>& page) {
    const auto add = [&](const Statement& row) { page.push_back({event_row(row), row.text(event_columns), {}, {}}); };
    const auto before = filter.before.empty() ? std::string("~") : std::exchange(filter.before, {});
    const auto limit = filter.limit - page.size();
    if (filter.state == EventState::failed) {
        return sql_.each(
            "SELECT " EVENT_COLUMNS
            ", p.head FROM events e INDEXED BY events_failed JOIN payloads p ON p.seq = e.seq"
            " WHERE e.state = 3 AND e.id < ?1 AND (?2 = '' OR e.function = ?2) AND (?4 OR e.function NOT LIKE ?5)"
            " ORDER BY e.id DESC LIMIT ?3",
            add, before, filter.function, limit, int{filter.indexes}, of_jobs);
    }
    const int least = filter.state ? static_cast<int>(*filter.state) : 0;
    const int most = filter.state ? least : 5;
    // "queued" is both what can run and what waits behind its ordering key.
    const int also = filter.state == EventState::queued ? static_cast<int>(EventState::waiting) : least;
    auto done = sql_.each(
        "SELECT id FROM events WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?",
        [&](const Statement& row) { filter.before = row.text(0); }, before, filter.slice - 1);
    if (!done) return done;
    return sql_.each("SELECT " EVENT_COLUMNS
                     ", p.head FROM events e JOIN payloads p ON p.seq = e.seq WHERE e.id < ?1 AND e.id >= ?2"
                     " AND (?3 = '' OR e.function = ?3) AND (e.state BETWEEN ?4 AND ?5 OR e.state = ?6)"
                     " ORDER BY e.id DESC LIMIT ?7",
                     add, before, filter.before, filter.function, least, most, also, limit);
}

Outcome<std::vector<std::int64_t>> Events::Rows::count(const std::string& function) {
    std::vector<std::int64_t> counts(6, 0);
    const auto done = sql_.each(
        "SELECT state, count(*) FROM events INDEXED BY events_by_function WHERE function = ?"
        " GROUP BY state",
        [&](const Statement& row) { counts.at(static_cast<std::size_t>(row.number(0))) = row.number(1); }, function);
    if (!done) return done.error();
    return counts;
}

Outcome<std::vector<std::string>> Events::Rows::files() {
    std::vector<std::string> names;
    const auto done = sql_.each("SELECT file FROM payloads WHERE file <> ''",
                                [&](const Statement& row) { names.push_back(row.text(0)); });
    if (!done) return done.error();
    return names;
}

}  // namespace shallop::store
