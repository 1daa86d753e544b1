// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/store/events.h>

#include "store/statements.h"
#include "support.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <set>

using namespace shallop;
using store::EventState;
using test::Opened;
using test::TempDir;

namespace {

store::NewEvent event(const std::string& id, const std::string& function = "f") {
    store::NewEvent made;
    made.row.id = id;
    made.row.function = function;
    made.row.origin = "request";
    made.row.accepted = made.row.due = 1000;
    made.row.bytes = 4;
    made.payload = {std::string("head\0\xff", 6), "body"};
    return made;
}

store::NewEvent ordered(const std::string& id, const std::string& key) {
    auto made = event(id);
    made.row.ordering_key = key;
    return made;
}

/// The queue's part of a store, on the store's own loop.
struct Queue {
    explicit Queue(const std::string& directory) : opened(directory), events(*opened, opened.loop().executor(), log) {}
    ~Queue() { opened.run(events.drain()); }

    template <typename T>
    T run(async::Task<T> task) {
        return opened.run(std::move(task));
    }
    std::vector<std::string> take(std::size_t most, store::Millis now = 2000) {
        std::vector<std::string> ids;
        for (const auto& one : run(events.take("f", now, most, now + 60'000)).value().events) ids.push_back(one.row.id);
        return ids;
    }
    std::int64_t seq(const std::string& id) { return run(events.find(id)).value()->row.seq; }
    void end(const std::string& id, EventState state = EventState::succeeded) {
        store::Ending ending;
        ending.seq = seq(id);
        ending.state = state;
        ending.due = 3000;
        ending.keep_until = 10'000;
        ending.attempt.ended = 2500;
        ending.attempt.outcome = "ok";
        REQUIRE(run(events.end(std::make_shared<const store::Ending>(std::move(ending)))).has_value());
    }
    EventState state(const std::string& id) { return run(events.find(id)).value()->row.state; }

    base::Log log{-1};
    Opened opened;
    store::Events events;
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a queued event is taken once, with all that was put", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    REQUIRE(queue.run(queue.events.put(event("a"))).has_value());
    const auto batch = queue.run(queue.events.take("f", 2000, 8, 60'000)).value();
    REQUIRE(batch.events.size() == 1);
    CHECK(batch.events[0].payload.head == std::string("head\0\xff", 6));
    CHECK(batch.events[0].payload.body == "body");
    CHECK(batch.events[0].row.attempts == 1);
    CHECK_FALSE(batch.next_due);
    CHECK(queue.take(8).empty());
    CHECK(queue.state("a") == EventState::running);
}

TEST_CASE("what ran when the store was left is queued again, and is no attempt", "[store][events]") {
    TempDir dir;
    {
        Queue queue(dir.path());
        REQUIRE(queue.run(queue.events.put(event("a"))).has_value());
        REQUIRE(queue.take(1) == Ids{"a"});
    }
    Queue queue(dir.path());
    const auto lines = queue.run(queue.events.recover(5000)).value();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].function == "f");
    CHECK(lines[0].events == 1);
    CHECK(lines[0].bytes == 4);
    const auto found = queue.run(queue.events.find("a")).value();
    CHECK(found->row.attempts == 0);
    CHECK(found->row.interruptions == 1);
    REQUIRE(found->attempts.size() == 1);
    CHECK(found->attempts[0].outcome == "interrupted");
    CHECK(queue.take(1, 6000) == Ids{"a"});
}

TEST_CASE("an event that is interrupted again and again counts it, and keeps its place before the next of its key",
          "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    REQUIRE(queue.run(queue.events.put(ordered("a", "k"))).has_value());
    REQUIRE(queue.run(queue.events.put(ordered("b", "k"))).has_value());
    for (int time = 0; time < 3; ++time) {
        REQUIRE(queue.take(1, 6000) == Ids{"a"});
        REQUIRE(queue.run(queue.events.recover(5000)).has_value());
    }
    const auto found = queue.run(queue.events.find("a")).value();
    CHECK(found->row.state == EventState::queued);
    CHECK(found->row.interruptions == 3);
    CHECK(found->row.attempts == 0);
    CHECK(found->attempts.size() == 3);
}

TEST_CASE("an event whose lease nobody renews is due again", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    for (const auto* const id : {"lost", "held"}) REQUIRE(queue.run(queue.events.put(event(id))).has_value());
    const auto batch = queue.run(queue.events.take("f", 2000, 8, 60'000)).value();
    REQUIRE(batch.events.size() == 2);
    std::vector<store::Change> changes;
    const auto renew = [&](store::Millis now) {
        const auto write = [&](const store::Change& change) { changes.push_back(change); };
        return queue.run(queue.events.renew({batch.events[1].row.seq}, now + 60'000, now, write));
    };
    REQUIRE(renew(59'999).has_value());
    CHECK(changes.empty());
    REQUIRE(renew(60'001).has_value());
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].function == "f");
    CHECK(changes[0].queued == 1);
    CHECK(changes[0].bytes == 4);
    CHECK(changes[0].due == 60'001);
    CHECK(queue.take(8, 60'001) == Ids{"lost"});
    CHECK(queue.state("held") == EventState::running);
    const auto found = queue.run(queue.events.find("lost")).value();
    CHECK(found->row.attempts == 1);
    CHECK(found->attempts.at(0).detail == "its run was lost");
}

TEST_CASE("those of one ordering key go one after the other, a retry before what waits behind it", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    for (const auto* const id : {"a", "b", "c"}) REQUIRE(queue.run(queue.events.put(ordered(id, "k"))).has_value());
    REQUIRE(queue.run(queue.events.put(ordered("x", "other"))).has_value());
    CHECK(queue.take(8) == Ids{"a", "x"});
    queue.end("a", EventState::queued);
    CHECK(queue.take(8, 2999).empty());
    CHECK(queue.take(8, 3000) == Ids{"a"});
    queue.end("a");
    CHECK(queue.take(8, 3000) == Ids{"b"});
    REQUIRE(queue.run(queue.events.cancel("c", 3000, 9000)).has_value());
    queue.end("b");
    CHECK(queue.take(8, 3000).empty());
}

TEST_CASE("an idempotency key gives the first event's id until its time is over", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    const auto put = [&](const std::string& id, const std::string& print, store::Millis at) {
        auto made = event(id);
        made.row.accepted = at;
        made.idempotency_key = "key";
        made.fingerprint = print;
        made.key_until = at + 100;
        return queue.run(queue.events.put(std::move(made))).value();
    };
    CHECK_FALSE(put("a", "one", 1000).repeated);
    CHECK(put("b", "one", 1050).id == "a");
    CHECK_FALSE(put("c", "one", 1050).differs);
    CHECK(put("d", "two", 1050).differs);
    const auto later = put("e", "two", 1100);
    CHECK_FALSE(later.repeated);
    CHECK(later.id == "e");
    CHECK(queue.run(queue.events.count("f")).value().at(0) == 2);
}

TEST_CASE("an end and the events that it makes are there together", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    REQUIRE(queue.run(queue.events.put(event("a"))).has_value());
    REQUIRE(queue.take(1) == Ids{"a"});
    store::Ending ending;
    ending.seq = queue.seq("a");
    ending.next.push_back(event("then", "g"));
    ending.reply = store::KeptReply{200, false, "[]", std::string("\0\x01", 2)};
    std::vector<store::Change> told;
    REQUIRE(queue
                .run(queue.events.end(std::make_shared<const store::Ending>(std::move(ending)),
                                      [&](const auto& change) { told.push_back(change); }))
                .has_value());
    REQUIRE(told.size() == 2);
    CHECK(told[0].function == "g");
    CHECK(told[0].queued == 1);
    CHECK(queue.state("then") == EventState::queued);
    CHECK(queue.run(queue.events.find("a")).value()->reply->body == std::string("\0\x01", 2));
}

TEST_CASE("an end that comes after its lease was lost changes nothing", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    REQUIRE(queue.run(queue.events.put(event("a"))).has_value());
    REQUIRE(queue.take(1) == Ids{"a"});
    REQUIRE(queue.run(queue.events.recover(5000)).has_value());
    queue.end("a", EventState::failed);
    CHECK(queue.state("a") == EventState::queued);
}

TEST_CASE("dead letters are redriven as new, or dropped with all that was theirs", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    for (const auto* const id : {"a", "b"}) REQUIRE(queue.run(queue.events.put(event(id))).has_value());
    REQUIRE(queue.take(8).size() == 2);
    queue.end("a", EventState::failed);
    queue.end("b", EventState::failed);
    CHECK(queue.run(queue.events.redrive("a", 4000)).value().queued == 1);
    CHECK(queue.run(queue.events.find("a")).value()->row.attempts == 0);
    CHECK(queue.run(queue.events.redrive("a", 4000)).error().fault == base::Fault::conflict);
    CHECK(queue.run(queue.events.drop_all("f", 100)).value() == 1);
    CHECK_FALSE(queue.run(queue.events.find("b")).value());
    CHECK(queue.run(queue.events.drop("a")).error().fault == base::Fault::conflict);
    CHECK(queue.run(queue.events.drop("zzz")).error().fault == base::Fault::not_found);
}

TEST_CASE("what has ended is forgotten when its time has come, and not before", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    for (const auto* const id : {"a", "b"}) REQUIRE(queue.run(queue.events.put(event(id))).has_value());
    REQUIRE(queue.take(1).size() == 1);
    queue.end("a");
    CHECK(queue.run(queue.events.purge(9'999, 100)).value().changed == 0);
    CHECK(queue.run(queue.events.purge(10'000, 100)).value().changed == 1);
    CHECK_FALSE(queue.run(queue.events.find("a")).value());
    CHECK(queue.state("b") == EventState::queued);
}

TEST_CASE("a group that the database refuses leaves nothing of itself, and the next one is written",
          "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    REQUIRE(queue.run(queue.events.put(event("a"))).has_value());
    // The second of a group breaks a constraint, as any failure of SQLite's would.
    std::vector<store::NewEvent> both;
    both.push_back(event("b"));
    both.push_back(event("a"));
    CHECK(queue.run(queue.events.put_all(std::move(both))).error().fault == base::Fault::storage);
    CHECK_FALSE(queue.run(queue.events.find("b")).value());
    REQUIRE(queue.run(queue.events.put(event("c"))).has_value());
    CHECK(queue.take(8) == Ids{"a", "c"});
}

TEST_CASE("a page is the same whatever the slices it is looked for in", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    for (char id = 'a'; id <= 'n'; ++id) {
        const std::string function = id % 3 == 0 ? "f" : "g";
        REQUIRE(queue.run(queue.events.put(event({id}, function))).has_value());
    }
    const auto page = [&](std::string function, std::string before, std::size_t limit, std::size_t slice) {
        store::EventFilter filter{std::move(function), EventState::queued, std::move(before), limit, slice};
        Ids ids;
        for (const auto& one : queue.run(queue.events.list(std::move(filter))).value()) ids.push_back(one.row.id);
        return ids;
    };
    for (const std::size_t slice : {1, 2, 3, 13, 14, 15, 5000}) {
        CAPTURE(slice);
        CHECK(page("f", "", 50, slice) == Ids{"l", "i", "f", "c"});
        CHECK(page("f", "", 3, slice) == Ids{"l", "i", "f"});
        CHECK(page("f", "f", 50, slice) == Ids{"c"});
        CHECK(page("f", "c", 50, slice).empty());
        CHECK(page("nobody", "", 50, slice).empty());
        CHECK(page("", "d", 50, slice) == Ids{"c", "b", "a"});
    }
    const auto before = queue.events.changes_written();
    REQUIRE(queue.run(queue.events.put(event("z"))).has_value());
    CHECK(queue.events.changes_written() == before + 1);
    CHECK(queue.events.groups_written() <= queue.events.changes_written());
}

TEST_CASE("a change whose listener fails is on the disk, and the next one is written, too", "[store][events]") {
    TempDir dir;
    Queue queue(dir.path());
    const auto fails = [](const store::Change&) { throw std::bad_alloc(); };
    REQUIRE(queue.run(queue.events.put(event("a"), fails)).has_value());
    REQUIRE(queue.run(queue.events.put(event("b"))).has_value());
    CHECK(queue.take(8) == Ids{"a", "b"});
}

TEST_CASE("a look that is left by an exception can be made again", "[store]") {
    TempDir dir;
    const auto path = dir.path() + "/some.db";
    std::ofstream(path).close();
    auto connection = store::Connection::open(path);
    REQUIRE(connection.has_value());
    store::Statements sql(*connection);
    constexpr const char* look = "SELECT 1 WHERE ?1 = ?1 UNION ALL SELECT 2";
    CHECK_THROWS_AS(sql.each(look, [](const store::Statement&) { throw std::bad_alloc(); }, 1), std::bad_alloc);
    int rows = 0;
    REQUIRE(sql.each(look, [&](const store::Statement&) { ++rows; }, 1).has_value());
    CHECK(rows == 2);
}
