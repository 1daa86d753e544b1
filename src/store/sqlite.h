// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

/// The two SQLite objects, owned; nothing here knows a table. A Failure is what SQLite said, for Database to put into words.
namespace shallop::store {

struct Failure {
    int code = 0;  ///< SQLITE_FULL, SQLITE_CORRUPT, …: the primary result code
    std::string text;
};

template <typename T>
using Outcome = boost::system::result<T, Failure>;
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

/// One prepared statement, used again and again: bind, step, read, and it resets itself with the Row's end.
class Statement {
public:
    Statement() = default;
    Statement(sqlite3* on, std::string_view sql, Failure& failure);

    Statement& bind(int at, std::string_view text);
    Statement& bind(int at, std::int64_t number);
    Statement& bind_blob(int at, std::string_view bytes);

    /// True: a row is there to be read. False: there is none, or no more.
    Outcome<bool> step();
    std::string text(int column) const;
    std::int64_t number(int column) const;

    void reset();

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Runs a statement that gives no row.
Outcome<void> finish(Statement& statement);

/// One connection. Used by one thread at a time.
class Connection {
public:
    Connection() = default;
    static Outcome<Connection> open(const std::string& path);

    /// Runs statements that give no rows.
    Outcome<void> run(const std::string& sql);
    /// The first column of the first row; "" where there is none.
    Outcome<std::string> ask(const std::string& sql);
    Outcome<Statement> prepare(std::string_view sql);

    bool in_transaction() const;
    std::int64_t changed() const;   ///< rows, by the last statement
    std::int64_t last_key() const;  ///< of the row inserted last

private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    std::unique_ptr<sqlite3, Close> database_;
};

/// A statement that is rare enough to be prepared each time, and gives no row; `bind` gives it its values.
template <typename F>
Outcome<void> run_once(Connection& connection, std::string_view sql, F bind) {
    auto statement = connection.prepare(sql);
    if (!statement) return statement.error();
    bind(*statement);
    return finish(*statement);
}

}  // namespace shallop::store
