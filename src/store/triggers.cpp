// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/triggers.h>

#include "store/database.h"

#include <charconv>

namespace shallop::store {
namespace {

constexpr const char* seen_name = "engine_events_seen";

Outcome<std::vector<StoredTrigger>> load_all(Connection& connection) {
    auto statement = connection.prepare("SELECT id, document, created, from_nano FROM triggers ORDER BY id");
    if (!statement) return statement.error();
    std::vector<StoredTrigger> all;
    for (;;) {
        const auto row = statement->step();
        if (!row) return row.error();
        if (!*row) return all;
        all.push_back({statement->text(0), statement->text(1), statement->text(2), statement->number(3)});
    }
}

}  // namespace

Task<Result<std::vector<StoredTrigger>>> Triggers::load() {
    const auto mine = co_await store_.turn();
    auto work = [this]() -> Result<std::vector<StoredTrigger>> {
        auto& database = *store_.database_;
        auto all = load_all(database.connection());
        if (!all) return database.refused(all.error(), "reading").error();
        return std::move(*all);
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Triggers::put(StoredTrigger trigger) {
    const auto mine = co_await store_.turn();
    auto work = [this, &trigger] {
        auto& database = *store_.database_;
        return database.transact([&] {
            constexpr std::string_view sql =
                "INSERT OR REPLACE INTO triggers(id, document, created, from_nano) VALUES(?,?,?,?)";
            return run_once(database.connection(), sql, [&](Statement& statement) {
                statement.bind(1, trigger.id).bind(2, trigger.document).bind(3, trigger.created);
                statement.bind(4, trigger.from_nano);
            });
        });
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Triggers::remove(std::string id) {
    const auto mine = co_await store_.turn();
    auto work = [this, &id] {
        auto& database = *store_.database_;
        return database.transact([&] {
            return run_once(database.connection(), "DELETE FROM triggers WHERE id = ?",
                            [&](Statement& statement) { statement.bind(1, id); });
        });
    };
    co_return co_await store_.pool_.run(work);
}

Task<Result<std::int64_t>> Triggers::seen() {
    const auto mine = co_await store_.turn();
    auto work = [this]() -> Result<std::int64_t> {
        auto& database = *store_.database_;
        const auto text =
            database.connection().ask("SELECT value FROM meta WHERE name = '" + std::string(seen_name) + "'");
        if (!text) return database.refused(text.error(), "reading").error();
        std::int64_t nano = 0;
        std::from_chars(text->data(), text->data() + text->size(), nano);
        return nano;
    };
    co_return co_await store_.pool_.run(work);
}

Task<Status> Triggers::note_seen(std::int64_t nano) {
    const auto mine = co_await store_.turn();
    auto work = [this, nano] {
        auto& database = *store_.database_;
        return database.transact([&] {
            const auto text = std::to_string(nano);
            return run_once(database.connection(), "INSERT OR REPLACE INTO meta(name, value) VALUES(?,?)",
                            [&](Statement& statement) { statement.bind(1, seen_name).bind(2, text); });
        });
    };
    co_return co_await store_.pool_.run(work);
}

}  // namespace shallop::store
