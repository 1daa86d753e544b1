// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/secrets.h>

#include "store/database.h"
#include "store/statements.h"

namespace shallop::store {

Task<Result<std::vector<StoredSecret>>> Secrets::load() {
    const auto mine = co_await store_.turn();
    auto work = [this]() -> Result<std::vector<StoredSecret>> {
        auto& database = *store_.database_;
        std::vector<StoredSecret> all;
        const auto read = [&](const Statement& row) {
            all.push_back({row.text(0), row.number(1), row.text(2), row.text(3), row.text(4)});
        };
        const auto done = Statements(database.connection())
                              .each("SELECT name, version, sealed, created, updated FROM secrets ORDER BY name", read);
        if (!done) return database.refused(done.error(), "reading").error();
        return all;
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Secrets::put(StoredSecret secret) {
    const auto mine = co_await store_.turn();
    auto work = [this, &secret] {
        auto& database = *store_.database_;
        return database.transact([&] {
            return Statements(database.connection())
                .run("INSERT OR REPLACE INTO secrets(name, version, sealed, created, updated) VALUES(?,?,?,?,?)",
                     secret.name, secret.version, Blob{secret.sealed}, secret.created, secret.updated);
        });
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Secrets::remove(std::string name) {
    const auto mine = co_await store_.turn();
    auto work = [this, &name] {
        auto& database = *store_.database_;
        return database.transact(
            [&] { return Statements(database.connection()).run("DELETE FROM secrets WHERE name = ?", name); });
    };
    co_return co_await store_.pool_.run(work);
}

}  // namespace shallop::store
