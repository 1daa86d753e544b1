// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/tokens.h>

#include "store/database.h"

namespace shallop::store {
namespace {

Outcome<std::vector<StoredToken>> load_all(Connection& connection) {
    auto statement = connection.prepare("SELECT name, scope, hash, hint, created, expires FROM tokens ORDER BY name");
    if (!statement) return statement.error();
    std::vector<StoredToken> all;
    for (;;) {
        const auto row = statement->step();
        if (!row) return row.error();
        if (!*row) return all;
        all.push_back({statement->text(0), statement->text(1), statement->text(2), statement->text(3),
                       statement->number(4), statement->number(5)});
    }
}

}  // namespace

Task<Result<std::vector<StoredToken>>> Tokens::load() {
    const auto mine = co_await store_.turn();
    auto work = [this]() -> Result<std::vector<StoredToken>> {
        auto& database = *store_.database_;
        auto all = load_all(database.connection());
        if (!all) return database.refused(all.error(), "reading").error();
        return std::move(*all);
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Tokens::put(StoredToken token) {
    const auto mine = co_await store_.turn();
    auto work = [this, &token] {
        auto& database = *store_.database_;
        return database.transact([&] {
            constexpr std::string_view sql =
                "INSERT OR REPLACE INTO tokens(name, scope, hash, hint, created, expires) VALUES(?,?,?,?,?,?)";
            return run_once(database.connection(), sql, [&](Statement& statement) {
                statement.bind(1, token.name).bind(2, token.scope).bind(3, token.hash).bind(4, token.hint);
                statement.bind(5, token.created).bind(6, token.expires);
            });
        });
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Tokens::remove(std::string name) {
    const auto mine = co_await store_.turn();
    auto work = [this, &name] {
        auto& database = *store_.database_;
        return database.transact([&] {
            return run_once(database.connection(), "DELETE FROM tokens WHERE name = ?",
                            [&](Statement& statement) { statement.bind(1, name); });
        });
    };
    co_return co_await store_.pool_.run(work);
}

}  // namespace shallop::store
