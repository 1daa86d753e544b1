// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/store.h>

#include "component/store/support.h"
#include "support/loop.h"
#include "support/results.h"

#include <sqlite3.h>
#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <fstream>

using namespace shallop;
using base::Fault;
using store::Store;
using test::Opened;
using test::some_function;
using test::TempDir;

namespace {

std::string mode_of(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return "none";
    char text[16];
    std::snprintf(text, sizeof text, "%o", info.st_mode & 0777U);
    return text;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Takes back what came after the third schema.
const std::string after_third =
    "DROP TABLE schedules; DROP TABLE triggers; DROP TABLE jobs; DROP TABLE events; DROP TABLE payloads;"
    "DROP TABLE results; DROP TABLE attempts;"
    "DROP TABLE idempotency; DROP TABLE tokens; DROP TABLE secrets;";

/// Runs SQL on a database that no store holds.
void run_sql(const std::string& file, const std::string& sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
}

}  // namespace

TEST_CASE("a store that is opened again has what was put and not what was removed", "[store]") {
    TempDir dir;
    std::string id;
    {
        Opened opened(dir.path());
        id = opened->daemon_id();
        CHECK(opened.run(opened->load_functions()).value().empty());
        REQUIRE(opened.run(opened->put_function(some_function("a", 1))));
        REQUIRE(opened.run(opened->put_function(some_function("b", 1))));
        REQUIRE(opened.run(opened->put_function(some_function("a", 2))));
        REQUIRE(opened.run(opened->put_function(some_function("c", 1))));
        REQUIRE(opened.run(opened->remove_function("c")));
    }
    Opened opened(dir.path());
    CHECK(opened->daemon_id() == id);
    CHECK(id.size() == 26);
    const auto all = opened.run(opened->load_functions()).value();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a");
    CHECK(all[0].version == 2);
    CHECK(all[0].spec == some_function("a", 2).spec);
    CHECK(all[0].image == some_function("a", 2).image);
    CHECK(all[0].etag == "etag-2");
    CHECK(all[0].created == "then");
    CHECK(all[0].updated == "now");
    CHECK(all[1].name == "b");
}

TEST_CASE("the versions of a name are remembered after it was removed", "[store]") {
    TempDir dir;
    Opened opened(dir.path());
    CHECK(opened.run(opened->last_version("a")).value() == 0);
    REQUIRE(opened.run(opened->put_function(some_function("a", 7))));
    REQUIRE(opened.run(opened->put_function(some_function("a", 3))));
    REQUIRE(opened.run(opened->remove_function("a")));
    CHECK(opened.run(opened->last_version("a")).value() == 7);
    CHECK(opened.run(opened->last_version("b")).value() == 0);
}

TEST_CASE("only the last removals are remembered, and what is there or came back is not forgotten", "[store]") {
    TempDir dir;
    Opened opened(dir.path(), 2, {3});
    const auto put = [&](const char* name) { REQUIRE(opened.run(opened->put_function(some_function(name, 5)))); };
    const auto remove = [&](const char* name) { REQUIRE(opened.run(opened->remove_function(name))); };
    for (const char* name : {"stays", "back", "old", "a", "b", "c"}) put(name);
    remove("back");
    put("back");
    for (const char* name : {"old", "a", "nobody", "b", "c"}) remove(name);
    CHECK(opened.run(opened->last_version("old")).value() == 0);
    for (const char* name : {"stays", "back", "a", "b", "c"})
        CHECK(opened.run(opened->last_version(name)).value() == 5);
}

TEST_CASE("a database of the first schema keeps what it remembers", "[store]") {
    TempDir dir;
    {
        Opened opened(dir.path());
        REQUIRE(opened.run(opened->put_function(some_function("a", 2))));
    }
    run_sql(dir.path() + "/shallop.db",
            after_third +
                "DROP INDEX names_removed; ALTER TABLE names DROP COLUMN removed; ALTER TABLE "
                "functions DROP COLUMN origin;"
                "INSERT INTO names VALUES('gone', 4); PRAGMA user_version = 1");
    Opened opened(dir.path());
    CHECK(opened.run(opened->last_version("a")).value() == 2);
    CHECK(opened.run(opened->last_version("gone")).value() == 4);
    REQUIRE(opened.run(opened->remove_function("a")));
    CHECK(opened.run(opened->last_version("gone")).value() == 4);
}

TEST_CASE("where a function came from is kept, and nowhere is what it was before that was asked", "[store]") {
    TempDir dir;
    auto placed = some_function("b", 1);
    placed.origin = "api/b.py";
    {
        Opened opened(dir.path());
        REQUIRE(opened.run(opened->put_functions({some_function("a", 1), placed})));
        CHECK(opened.run(opened->load_functions()).value().at(1).origin == "api/b.py");
    }
    run_sql(dir.path() + "/shallop.db",
            after_third + "ALTER TABLE functions DROP COLUMN origin; PRAGMA user_version = 2");
    Opened opened(dir.path());
    const auto all = opened.run(opened->load_functions()).value();
    REQUIRE(all.size() == 2);
    CHECK(all[1].origin.empty());
    CHECK(opened.run(opened->last_version("b")).value() == 1);
}

TEST_CASE("texts are kept byte by byte, quotes, NULs and emptiness too", "[store]") {
    TempDir dir;
    Opened opened(dir.path());
    auto odd = some_function("a'; DROP TABLE functions; --", 1);
    odd.spec = std::string("x\0y\"'\n", 6);
    odd.image = "";
    REQUIRE(opened.run(opened->put_function(odd)));
    const auto all = opened.run(opened->load_functions()).value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].name == odd.name);
    CHECK(all[0].spec == odd.spec);
    CHECK(all[0].image.empty());
}

TEST_CASE("calls at once are done one after the other, each with its own answer", "[store]") {
    TempDir dir;
    Opened opened(dir.path(), 4);
    const auto put_many = [](Store& store) -> async::Task<int> {
        const auto executor = co_await boost::asio::this_coro::executor;
        int done = 0;
        base::Log quiet(-1);
        async::TaskGroup group(executor, quiet);
        const auto put_one = [](Store& s, int n, int& count) -> async::Task<void> {
            auto function = some_function("f" + std::to_string(n), 1);
            const auto put = co_await s.put_function(std::move(function));
            if (put) ++count;
        };
        for (int n = 0; n < 50; ++n) group.spawn("put", put_one(store, n, done));
        co_await group.join();
        co_return done;
    };
    CHECK(opened.run(put_many(*opened)) == 50);
    CHECK(opened.run(opened->load_functions()).value().size() == 50);
}

TEST_CASE("the data directory and what is in it are for its owner alone", "[store]") {
    TempDir dir;
    const auto path = dir.path() + "/made/for/it";
    Opened opened(path);
    REQUIRE(opened.run(opened->put_function(some_function("a", 1))));
    CHECK(mode_of(path) == "700");
    CHECK(mode_of(path + "/shallop.db") == "600");
    CHECK(mode_of(path + "/shallop.db-wal") == "600");
    CHECK(mode_of(path + "/shallop.lock") == "600");
}

TEST_CASE("a second daemon on the same directory is refused in words, until the first is gone", "[store]") {
    TempDir dir;
    {
        Opened first(dir.path());
        const auto second = test::try_open(dir.path());
        REQUIRE_FALSE(second);
        CHECK(second.error().fault == Fault::conflict);
        CHECK(contains(second.error().detail, "process " + std::to_string(::getpid())));
        CHECK(contains(second.error().detail, "--data-dir"));
    }
    CHECK(test::try_open(dir.path()));
}

TEST_CASE("a database of a newer shallop is refused and left as it is", "[store]") {
    TempDir dir;
    {
        Opened opened(dir.path());
    }
    run_sql(dir.path() + "/shallop.db", "PRAGMA user_version = 99");
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto refused = test::try_open(dir.path());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::storage);
        CHECK(contains(refused.error().detail, "newer shallop (schema 99"));
    }
}

TEST_CASE("another program's database is refused and not written to", "[store]") {
    TempDir dir;
    const auto file = dir.path() + "/shallop.db";
    run_sql(file, "CREATE TABLE theirs(x)");
    std::ifstream before(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(before), {}};
    const auto refused = test::try_open(dir.path());
    REQUIRE_FALSE(refused);
    CHECK(contains(refused.error().detail, "another program"));
    std::ifstream after(file, std::ios::binary);
    CHECK(std::string{std::istreambuf_iterator<char>(after), {}} == bytes);
}

TEST_CASE("a file that is no database is refused in words", "[store]") {
    TempDir dir;
    std::ofstream(dir.path() + "/shallop.db") << std::string(8192, 'x');
    const auto refused = test::try_open(dir.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::storage);
    CHECK(contains(refused.error().detail, "damaged or no database"));
    CHECK(contains(refused.error().detail, "backup"));
}

TEST_CASE("a damaged page is found at the start after an unclean stop", "[store]") {
    TempDir dir;
    {
        Opened opened(dir.path());
        for (int n = 0; n < 200; ++n)
            REQUIRE(opened.run(opened->put_function(some_function("f" + std::to_string(n), 1))));
    }
    const auto file = dir.path() + "/shallop.db";
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(3 * 4096L) << std::string(4096, 'x');
    std::ofstream(file + "-wal") << "left by a killed daemon";
    const auto refused = test::try_open(dir.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == Fault::storage);
    CHECK(contains(refused.error().detail, "damaged"));
}

TEST_CASE("a data directory that is a file, or where nothing can be made, is refused in words", "[store]") {
    TempDir dir;
    std::ofstream(dir.path() + "/file") << "x";
    const auto file = test::try_open(dir.path() + "/file");
    REQUIRE_FALSE(file);
    CHECK(contains(file.error().detail, "is not a directory"));
    const auto below = test::try_open(dir.path() + "/file/deeper");
    REQUIRE_FALSE(below);
    CHECK(contains(below.error().detail, "Not a directory"));
    CHECK_FALSE(test::try_open("/proc/nothing/here"));
}

TEST_CASE("a link in the place of the database or the lock is not followed", "[store]") {
    for (const auto* name : {"shallop.db", "shallop.lock"}) {
        TempDir dir;
        const auto victim = dir.path() + "/victim";
        std::ofstream(victim) << "precious";
        REQUIRE(::symlink(victim.c_str(), (dir.path() + "/" + name).c_str()) == 0);
        const auto refused = test::try_open(dir.path());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().fault == Fault::storage);
        std::ifstream left(victim);
        CHECK(std::string{std::istreambuf_iterator<char>(left), {}} == "precious");
    }
}

TEST_CASE("a call that is cancelled before its turn has changed nothing", "[store]") {
    TempDir dir;
    Opened opened(dir.path());
    const auto cancelled = [](Store& store, test::Loop& loop) -> async::Task<bool> {
        base::Log quiet(-1);
        async::TaskGroup group(loop.executor(), quiet);
        const auto put = [](Store& s, std::string name) -> async::Task<void> {
            auto function = some_function(name, 1);
            [[maybe_unused]] const auto done = co_await s.put_function(std::move(function));
        };
        std::string first = "first";
        std::string second = "second";
        group.spawn("put", put(store, first));
        group.spawn("put", put(store, second));
        // One turn of the loop starts both: the first is with a pool thread, the second waits for its turn.
        co_await boost::asio::post(loop.executor(), async::use_task);
        group.cancel();
        co_await group.join();
        co_return true;
    };
    CHECK(opened.run(cancelled(*opened, opened.loop())));
    for (const auto& function : opened.run(opened->load_functions()).value()) CHECK(function.name == "first");
    REQUIRE(opened.run(opened->put_function(some_function("third", 1))));
}
