// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

#include <array>

namespace shallop::store {
namespace {

/// Step N brings schema N-1 to N. A step that was released is never changed: the next one corrects it.
constexpr std::array<const char*, 9> steps{
    // `names` outlives `functions`: a removed function that comes back goes on counting its versions.
    R"(CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE functions(
           name TEXT PRIMARY KEY, version INTEGER NOT NULL, spec TEXT NOT NULL, image TEXT NOT NULL,
           etag TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL) STRICT;
       CREATE TABLE names(name TEXT PRIMARY KEY, last_version INTEGER NOT NULL) STRICT, WITHOUT ROWID;)",
    // `removed` orders the names without a function by when they lost it, so that the oldest can be forgotten; 0: there is one.
    R"(ALTER TABLE names ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
       UPDATE names SET removed = 1 WHERE name NOT IN (SELECT name FROM functions);
       CREATE INDEX names_removed ON names(removed);)",
    // `origin`: the file that a function comes from, in the folder that the daemon serves; '': somebody deployed it.
    "ALTER TABLE functions ADD COLUMN origin TEXT NOT NULL DEFAULT '';",
    // Queued events. What is looked at often (`events`) lies apart from what may be large; `state` is store::EventState, times are
    // milliseconds. One index serves taking the next due, counting, and listing; its last column, the sum at start.
    R"(CREATE TABLE events(
           seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, function TEXT NOT NULL, state INTEGER NOT NULL,
           due INTEGER NOT NULL, bytes INTEGER NOT NULL, attempts INTEGER NOT NULL, interruptions INTEGER NOT NULL,
           accepted INTEGER NOT NULL, lease INTEGER NOT NULL, ended INTEGER NOT NULL, keep_until INTEGER NOT NULL,
           http_status INTEGER NOT NULL, origin TEXT NOT NULL, ordering_key TEXT NOT NULL, callback TEXT NOT NULL,
           fault TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
       CREATE INDEX events_by_function ON events(function, state, due, seq, bytes);
       CREATE INDEX events_running ON events(lease) WHERE state = 1;
       CREATE INDEX events_failed ON events(id) WHERE state = 3;
       CREATE INDEX events_kept ON events(keep_until) WHERE state IN (2, 3, 4);
       CREATE INDEX events_ordered ON events(function, ordering_key, seq)
           WHERE ordering_key <> '' AND state IN (0, 1, 5);
       CREATE TABLE payloads(seq INTEGER PRIMARY KEY, head BLOB NOT NULL, file TEXT NOT NULL, body BLOB NOT NULL) STRICT;
       CREATE INDEX payloads_file ON payloads(file) WHERE file <> '';
       CREATE TABLE results(
           seq INTEGER PRIMARY KEY, status INTEGER NOT NULL, truncated INTEGER NOT NULL, fields TEXT NOT NULL,
           body BLOB NOT NULL) STRICT;
       CREATE TABLE attempts(
           seq INTEGER NOT NULL, number INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,
           counted INTEGER NOT NULL, http_status INTEGER NOT NULL, exit_code INTEGER NOT NULL, outcome TEXT NOT NULL,
           detail TEXT NOT NULL, log TEXT NOT NULL, PRIMARY KEY(seq, number)) STRICT, WITHOUT ROWID;
       CREATE TABLE idempotency(
           function TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL,
           until INTEGER NOT NULL, PRIMARY KEY(function, key)) STRICT, WITHOUT ROWID;
       CREATE INDEX idempotency_until ON idempotency(until);
       CREATE TABLE jobs(
           id TEXT PRIMARY KEY, name TEXT NOT NULL, document TEXT NOT NULL, spec TEXT NOT NULL, image TEXT NOT NULL,
           state TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER NOT NULL, keep_until INTEGER NOT NULL)
           STRICT, WITHOUT ROWID;)",
    // Times are seconds since 1970. `done`: all ticks up to it have been dealt with; last_outcome '': there was none yet.
    R"(CREATE TABLE schedules(
           id TEXT PRIMARY KEY, function TEXT NOT NULL, plan TEXT NOT NULL,
           created INTEGER NOT NULL, updated INTEGER NOT NULL, anchor INTEGER NOT NULL, done INTEGER NOT NULL,
           last_tick INTEGER NOT NULL, last_invocation TEXT NOT NULL, last_outcome TEXT NOT NULL) STRICT, WITHOUT ROWID;
       CREATE INDEX schedules_function ON schedules(function);)",
    "CREATE TABLE triggers(id TEXT PRIMARY KEY, document TEXT NOT NULL, created TEXT NOT NULL, from_nano INTEGER NOT "
    "NULL) STRICT;",
    // `hash` is the SHA-256 of the secret, which is kept nowhere; times are seconds since 1970, expires 0: never.
    R"(CREATE TABLE tokens(
           name TEXT PRIMARY KEY, scope TEXT NOT NULL, hash TEXT NOT NULL, hint TEXT NOT NULL,
           created INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;)",
    // `sealed`: the value, encrypted (secret::seal).
    R"(CREATE TABLE secrets(
           name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL, created TEXT NOT NULL,
           updated TEXT NOT NULL) STRICT, WITHOUT ROWID;)",
    // `rewinds`: how often `done` went back because the clock had been wrong.
    "ALTER TABLE schedules ADD COLUMN rewinds INTEGER NOT NULL DEFAULT 0;",
};

}  // namespace

std::int64_t newest_schema() { return steps.size(); }

Outcome<void> migrate(Connection& connection, std::int64_t from) {
    for (auto step = from; step < newest_schema(); ++step) {
        const auto version = "PRAGMA user_version = " + std::to_string(step + 1) + ";";
        const auto sql =
            "BEGIN IMMEDIATE;" + std::string(steps.at(static_cast<std::size_t>(step))) + version + "COMMIT;";
        if (auto done = connection.run(sql); !done) {
            // The step's own failure is the one to report.
            if (connection.in_transaction()) [[maybe_unused]]
                const auto undone = connection.run("ROLLBACK");
            return done.error();
        }
    }
    return {};
}

}  // namespace shallop::store
