// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/sqlite.h"

#include <concepts>
#include <unordered_map>

namespace shallop::store {

/// Bytes for a BLOB column.
struct Blob {
    std::string_view bytes;
};

/// Statements by their text, each prepared when it is first used. Their texts are literals: the address is the key.
/// Used by one thread at a time; the connection outlives it.
class Statements {
public:
    explicit Statements(Connection& connection) : connection_(connection) {}

    /// Runs `sql`, which gives no rows, with its parameters in their order.
    template <typename... A>
    Outcome<void> run(const char* sql, const A&... parameters) {
        return each(sql, [](const Statement&) {}, parameters...);
    }

    /// Calls `row` for each row that `sql` gives.
    template <typename F, typename... A>
    Outcome<void> each(const char* sql, F row, const A&... parameters) {
        auto found = find(sql);
        if (!found) return found.error();
        auto& statement = **found;
        const Reset after{statement};
        int at = 0;
        (bind(statement, ++at, parameters), ...);
        while (true) {
            const auto stepped = statement.step();
            if (!stepped) return stepped.error();
            if (!*stepped) return {};
            row(static_cast<const Statement&>(statement));
        }
    }

    /// The number in the first row's first column, `otherwise` where there is no row.
    template <typename... A>
    Outcome<std::int64_t> number(const char* sql, std::int64_t otherwise, const A&... parameters) {
        auto answer = otherwise;
        const auto done = each(sql, [&](const Statement& row) { answer = row.number(0); }, parameters...);
        if (!done) return done.error();
        return answer;
    }

    /// Rows that the last statement changed, and the key of the row it inserted.
    std::int64_t changed() const { return connection_.changed(); }
    std::int64_t last_key() const { return connection_.last_key(); }

private:
    /// A statement that `row` left by an exception is none that could be bound again.
    struct Reset {
        Statement& statement;
        ~Reset() { statement.reset(); }
    };

    Outcome<Statement*> find(const char* sql) {
        const auto at = all_.find(sql);
        if (at != all_.end()) return &at->second;
        auto made = connection_.prepare(sql);
        if (!made) return made.error();
        return &all_.emplace(sql, std::move(*made)).first->second;
    }

    static void bind(Statement& statement, int at, std::integral auto number) {
        statement.bind(at, static_cast<std::int64_t>(number));
    }
    static void bind(Statement& statement, int at, std::string_view text) { statement.bind(at, text); }
    static void bind(Statement& statement, int at, Blob blob) { statement.bind_blob(at, blob.bytes); }

    Connection& connection_;
    std::unordered_map<const char*, Statement> all_;
};

}  // namespace shallop::store
