// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include "store/schema.h"

#include <shallop/base/id.h>

#include <sqlite3.h>

#include <charconv>

namespace shallop::store {
namespace {

using base::Error;
using base::Fault;

constexpr std::int64_t application = 0x53484c50;  // "SHLP": a file of somebody else's is not written to

std::int64_t to_number(const std::string& text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

}  // namespace

Status Store::Database::refused(const Failure& failure, std::string_view doing) {
    const auto file = directory_->database();
    std::string detail;
    switch (failure.code) {
        case SQLITE_FULL:
            detail = "no space is left for " + file + ": nothing was changed; free some and try again";
            break;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            detail = file + " is damaged or no database (" + failure.text +
                     "): put a backup in its place, or move it and its -wal file away to start empty";
            break;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
        case SQLITE_AUTH:
            detail = file + " cannot be written (" + failure.text +
                     "): correct its owner and mode, or choose another --data-dir";
            break;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            detail = "another program keeps " + file + " locked: end it and try again";
            break;
        default:
            detail = std::string(doing) + " " + file + " failed: " + failure.text;
    }
    return Error(Fault::storage, std::move(detail));
}

Result<std::unique_ptr<Store::Database>> Store::Database::open(const std::string& directory, base::Log& log,
                                                               Limits limits) {
    std::unique_ptr<Database> database(new Database(log, limits));
    auto held = Directory::open(directory, log);
    if (!held) return held.error();
    database->directory_ = std::move(*held);
    const bool unclean = database->directory_->left_unclean();
    auto connection = Connection::open(database->directory_->database());
    if (!connection) return database->refused(connection.error(), "opening").error();
    database->connection_ = std::move(*connection);
    auto done = unclean ? database->check_integrity() : Status();
    if (done) done = database->check_owner();
    if (done) done = database->configure();
    if (done) done = database->bring_up_to_date();
    if (done) done = database->find_daemon_id();
    if (done) done = database->prepare();
    if (!done) return done.error();
    return database;
}

Store::Database::~Database() = default;

Status Store::Database::configure() {
    // synchronous=FULL on purpose: each commit is followed by an fsync of the log, so that an acknowledged change outlives a
    // power cut. NORMAL, the usual companion of WAL, syncs at checkpoints only and loses what came after the last one.
    // The log is checkpointed at 1,000 pages and cut back to 4 MiB; 512 KiB of cache are plenty for one table read at start.
    const auto done = connection_.run(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;"
        "PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY; PRAGMA "
        "cell_size_check = ON");
    if (!done) return refused(done.error(), "opening");
    const auto mode = connection_.ask("PRAGMA journal_mode");
    if (!mode) return refused(mode.error(), "opening");
    if (*mode == "wal") return {};
    return Error(Fault::storage,
                 directory_->database() + " cannot have a write-ahead log here: choose a --data-dir on a local disk");
}

Status Store::Database::check_integrity() {
    const auto found = connection_.ask("PRAGMA quick_check(1)");
    if (!found) return refused(found.error(), "checking");
    if (*found != "ok") {
        const auto damage = Failure{SQLITE_CORRUPT, *found};
        return refused(damage, "checking");
    }
    log_.info("the last stop was not clean; the database is sound", {{"path", directory_->database()}});
    return {};
}

Status Store::Database::check_owner() {
    const auto owner = connection_.ask("PRAGMA application_id");
    if (!owner) return refused(owner.error(), "reading");
    const auto tables = connection_.ask("SELECT count(*) FROM sqlite_schema");
    if (!tables) return refused(tables.error(), "reading");
    if (to_number(*owner) == application || (to_number(*owner) == 0 && *tables == "0")) return {};
    return Error(Fault::storage, directory_->database() + " belongs to another program: choose another --data-dir");
}

Status Store::Database::bring_up_to_date() {
    const auto version = connection_.ask("PRAGMA user_version");
    if (!version) return refused(version.error(), "reading");
    const auto from = to_number(*version);
    if (from > newest_schema()) {
        return Error(Fault::storage, directory_->database() + " was written by a newer shallop (schema " + *version +
                                         "; this one knows " + std::to_string(newest_schema()) +
                                         "): start that version, or choose another --data-dir");
    }
    if (from == newest_schema()) return {};
    if (from == 0) {
        const auto marked = connection_.run("PRAGMA application_id = " + std::to_string(application));
        if (!marked) return refused(marked.error(), "creating");
    }
    const auto migrated = migrate(connection_, from);
    if (!migrated) return refused(migrated.error(), "migrating");
    if (from == 0) directory_->sync();  // the file's name; SQLite sees to that of the log
    log_.info("database migrated", {{"path", directory_->database()}, {"from", from}, {"to", newest_schema()}});
    return {};
}

Status Store::Database::find_daemon_id() {
    const auto kept = connection_.ask("SELECT value FROM meta WHERE name = 'daemon_id'");
    if (!kept) return refused(kept.error(), "reading");
    daemon_id_ = *kept;
    if (!daemon_id_.empty()) return {};
    daemon_id_ = base::RandomIds().next();
    const auto made = connection_.run("INSERT INTO meta(name, value) VALUES('daemon_id', '" + daemon_id_ + "')");
    if (!made) return refused(made.error(), "writing");
    return {};
}

Status Store::Database::prepare() {
    const std::pair<Statement*, std::string_view> all[]{
        {&begin_, "BEGIN IMMEDIATE"},
        {&commit_, "COMMIT"},
        {&rollback_, "ROLLBACK"},
        {&load_, "SELECT name, version, spec, image, etag, created, updated, origin FROM functions ORDER BY name"},
        {&put_,
         "INSERT OR REPLACE INTO functions(name, version, spec, image, etag, created, updated, origin)"
         " VALUES(?,?,?,?,?,?,?,?)"},
        {&put_name_,
         "INSERT INTO names(name, last_version) VALUES(?1, ?2)"
         " ON CONFLICT(name) DO UPDATE SET last_version = max(last_version, excluded.last_version), removed = 0"},
        {&remove_, "DELETE FROM functions WHERE name = ?"},
        {&retire_name_,
         "UPDATE names SET removed = 1 + (SELECT max(removed) FROM names) WHERE name = ? AND removed = 0"},
        {&forget_names_, "DELETE FROM names WHERE removed > 0 AND removed <= (SELECT max(removed) FROM names) - ?"},
        {&last_version_, "SELECT last_version FROM names WHERE name = ?"},
    };
    for (const auto& [statement, sql] : all) {
        auto prepared = connection_.prepare(sql);
        if (!prepared) return refused(prepared.error(), "reading");
        *statement = std::move(*prepared);
    }
    if (const auto prepared = schedules_.prepare(connection_); !prepared) return refused(prepared.error(), "reading");
    return {};
}

Status Store::Database::transact(const std::function<Outcome<void>()>& rows) {
    auto done = finish(begin_);
    try {
        if (done) done = rows();
    } catch (...) {  // for want of memory
        if (connection_.in_transaction()) [[maybe_unused]]
            const auto undone = finish(rollback_);
        throw;
    }
    if (done) done = finish(commit_);
    if (done) {
        degraded_ = false;
        return {};
    }
    // Some failures have rolled back already; what the rollback itself says changes nothing.
    if (connection_.in_transaction()) [[maybe_unused]]
        const auto undone = finish(rollback_);
    const auto failure = done.error();
    degraded_ = failure.code == SQLITE_FULL || failure.code == SQLITE_IOERR;
    log_.error("a write to the database failed", {{"reason", failure.text}, {"code", failure.code}});
    return refused(failure, "writing to");
}

Outcome<void> Store::Database::put_row(const StoredFunction& function) {
    put_.bind(1, function.name).bind(2, function.version).bind(3, function.spec).bind(4, function.image);
    put_.bind(5, function.etag).bind(6, function.created).bind(7, function.updated).bind(8, function.origin);
    if (auto done = finish(put_); !done) return done;
    put_name_.bind(1, function.name).bind(2, function.version);
    return finish(put_name_);
}

Status Store::Database::put_functions(const std::vector<StoredFunction>& functions) {
    return transact([&]() -> Outcome<void> {
        for (const auto& function : functions) {
            if (auto done = put_row(function); !done) return done;
        }
        return {};
    });
}

Status Store::Database::remove_function(const std::string& name) {
    return transact([&]() -> Outcome<void> {
        if (auto done = finish(remove_.bind(1, name)); !done) return done;
        if (auto done = finish(retire_name_.bind(1, name)); !done) return done;
        if (auto done = schedules_.remove_of(name); !done) return done;
        return finish(forget_names_.bind(1, static_cast<std::int64_t>(limits_.remembered_removals)));
    });
}

Result<std::vector<StoredFunction>> Store::Database::load_functions() {
    std::vector<StoredFunction> all;
    while (true) {
        const auto row = load_.step();
        if (!row) return refused(row.error(), "reading").error();
        if (!*row) return all;
        all.push_back({load_.text(0), load_.number(1), load_.text(2), load_.text(3), load_.text(4), load_.text(5),
                       load_.text(6), load_.text(7)});
    }
}

Result<std::int64_t> Store::Database::last_version(const std::string& name) {
    const auto row = last_version_.bind(1, name).step();
    if (!row) return refused(row.error(), "reading").error();
    const auto version = *row ? last_version_.number(0) : 0;
    last_version_.reset();
    return version;
}

}  // namespace shallop::store
