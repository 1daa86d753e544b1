// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace shallop::store {
namespace {

Failure failure_of(sqlite3* database, int code) {
    Failure failure{code & 0xff, database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code)};
    const int system = database != nullptr ? sqlite3_system_errno(database) : 0;
    if (failure.code != SQLITE_IOERR && failure.code != SQLITE_CANTOPEN) return failure;
    if (system == ENOSPC || system == EDQUOT)
        failure.code = SQLITE_FULL;  // SQLite's own word for it depends on the file
    if (system != 0) failure.text.append(" (").append(std::strerror(system)).append(")");
    return failure;
}

}  // namespace

void throw_exception_from_error(const Failure& failure, const boost::source_location& where) {
    throw std::logic_error("unchecked SQLite failure: " + failure.text + " at " + where.to_string());
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* on, std::string_view sql, Failure& failure) {
    sqlite3_stmt* made = nullptr;
    const int code =
        sqlite3_prepare_v3(on, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    statement_.reset(made);
    if (code != SQLITE_OK) failure = failure_of(on, code);
}

Statement& Statement::bind(int at, std::string_view text) {
    // Transient: SQLite copies, so that a row's text may go before the statement does.
    const int code = sqlite3_bind_text64(statement_.get(), at, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    base::ensure(code == SQLITE_OK || code == SQLITE_NOMEM, "a parameter of the statement takes a text");
    return *this;
}

Statement& Statement::bind(int at, std::int64_t number) {
    base::ensure(sqlite3_bind_int64(statement_.get(), at, number) == SQLITE_OK,
                 "a parameter of the statement takes a number");
    return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
    const int code = sqlite3_bind_blob64(statement_.get(), at, bytes.data() == nullptr ? "" : bytes.data(),
                                         bytes.size(), SQLITE_TRANSIENT);
    base::ensure(code == SQLITE_OK || code == SQLITE_NOMEM, "a parameter of the statement takes bytes");
    return *this;
}

Outcome<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    const auto failure = failure_of(sqlite3_db_handle(statement_.get()), code);
    reset();
    if (code == SQLITE_DONE) return false;
    return failure;
}

std::string Statement::text(int column) const {
    const auto* const bytes = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(statement_.get(), column); }

void Statement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

Outcome<void> finish(Statement& statement) {
    const auto stepped = statement.step();
    if (!stepped) return stepped.error();
    statement.reset();
    return {};
}

void Connection::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

Outcome<Connection> Connection::open(const std::string& path) {
    Connection connection;
    sqlite3* made = nullptr;
    // NOMUTEX: the owner sees to it that one thread at a time is in here.
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    const int code = sqlite3_open_v2(path.c_str(), &made, flags, nullptr);
    connection.database_.reset(made);
    if (code != SQLITE_OK) return failure_of(made, code);
    sqlite3_busy_timeout(made, 2000);  // for an operator's own sqlite3 looking at the file
    sqlite3_db_config(made, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(made, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return connection;
}

Outcome<void> Connection::run(const std::string& sql) {
    const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure_of(database_.get(), code);
    return {};
}

Outcome<std::string> Connection::ask(const std::string& sql) {
    auto statement = prepare(sql);
    if (!statement) return statement.error();
    const auto row = statement->step();
    if (!row) return row.error();
    return *row ? statement->text(0) : std::string();
}

Outcome<Statement> Connection::prepare(std::string_view sql) {
    Failure failure;
    Statement statement(database_.get(), sql, failure);
    if (failure.code != SQLITE_OK) return failure;
    return statement;
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

std::int64_t Connection::changed() const { return sqlite3_changes64(database_.get()); }

std::int64_t Connection::last_key() const { return sqlite3_last_insert_rowid(database_.get()); }

}  // namespace shallop::store
