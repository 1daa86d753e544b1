// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/event_lines.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace shallop;
using trigger::EventLines;
using trigger::PendingEvent;
using namespace std::chrono_literals;

namespace {

const async::Instant start{1000h};

PendingEvent of(const std::string& function, std::int64_t nano, std::size_t bytes = 1) {
    PendingEvent made{"t", function, {}};
    made.event.time_nano = nano;
    made.event.json.assign(bytes, 'x');
    return made;
}

}  // namespace

TEST_CASE("functions take turns, each with its events in their order", "[trigger]") {
    EventLines lines(100, 1000);
    for (const auto nano : {1, 2, 3}) REQUIRE(lines.add(of("a", nano)));
    REQUIRE(lines.add(of("b", 4)));
    std::vector<std::int64_t> all;
    while (!lines.empty()) {
        const auto next = lines.next(start);
        REQUIRE(next);
        all.push_back(next->event.time_nano);
        CHECK(lines.done(next->function) == (all.back() > 2));
    }
    CHECK(all == std::vector<std::int64_t>{1, 4, 2, 3});
    CHECK_FALSE(lines.next(start));
}

TEST_CASE("a line that is put off pauses for longer each time, and the others go on", "[trigger]") {
    EventLines lines(100, 1000);
    REQUIRE(lines.add(of("a", 1)));
    REQUIRE(lines.add(of("b", 2)));
    auto now = start;
    for (const auto pause : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
        lines.put_off("a", now);
        CHECK(lines.next(now)->function == "b");
        CHECK(lines.next(now)->function == "b");
        CHECK(lines.next_time() <= now);
        now += pause;
        CHECK(lines.next(now)->function == "a");
    }
    CHECK(lines.oldest_nano() == 1);
    CHECK(lines.done("b"));
    lines.put_off("a", now);
    CHECK_FALSE(lines.next(now));
    CHECK(lines.next_time() == now + 30s);
    REQUIRE(lines.add(of("a", 3)));
    CHECK_FALSE(lines.done("a"));
    CHECK(lines.next(now)->event.time_nano == 3);
}

TEST_CASE("a line that does not move leaves room for the others, in events and in bytes", "[trigger]") {
    const bool in_bytes = GENERATE(false, true);
    EventLines lines(in_bytes ? 1000 : 100, in_bytes ? 100 : 1000);
    const auto fill = [&](const std::string& function) {
        int kept = 0;
        while (lines.add(of(function, 1))) ++kept;
        return kept;
    };
    CHECK(fill("a") == 50);
    CHECK(fill("b") == 25);
    CHECK(fill("c") >= 12);
    CHECK(fill("a") == 0);
    CHECK(lines.add(of("d", 1)));
    CHECK_FALSE(lines.add(of("e", 1, 1001)));
    int left = 0;
    for (; !lines.empty(); ++left) lines.done(lines.next(start)->function);
    CHECK(left > 87);
    CHECK(fill("b") == 50);
}
