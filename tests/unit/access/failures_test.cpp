// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/failures.h>

#include "support/loop.h"
#include "support/manual_clock.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using access::Failures;

namespace {

struct Stage {
    explicit Stage(Failures::Limits limits = {}) : failures(clock, limits) {}

    /// How many of `count` failures in a row are within the bound.
    int allowed(const std::string& address, int count) {
        int within = 0;
        for (int i = 0; i < count; ++i) within += failures.note(address) == 0s ? 1 : 0;
        return within;
    }

    test::Loop loop;
    test::ManualClock clock{loop.executor()};
    Failures failures;
};

}  // namespace

TEST_CASE("ten wrong tokens are answered at once, then one each six seconds", "[access]") {
    Stage stage;
    CHECK(stage.allowed("10.0.0.1", 12) == 10);
    CHECK(stage.failures.note("10.0.0.1") == 6s);
    stage.clock.advance(5s);
    CHECK(stage.failures.note("10.0.0.1") == 1s);
    stage.clock.advance(1s);
    CHECK(stage.allowed("10.0.0.1", 3) == 1);
    stage.clock.advance(1h);
    CHECK(stage.allowed("10.0.0.1", 20) == 10);
}

TEST_CASE("one client's failures are not another's", "[access]") {
    Stage stage;
    CHECK(stage.allowed("10.0.0.1", 20) == 10);
    CHECK(stage.allowed("10.0.0.2", 20) == 10);
}

TEST_CASE("an IPv6 client is its /64 network", "[access]") {
    Stage stage;
    CHECK(stage.allowed("2001:db8:1:2::1", 6) == 6);
    CHECK(stage.allowed("2001:db8:1:2:ffff::2", 6) == 4);
    CHECK(stage.allowed("2001:db8:1:3::1", 6) == 6);
    CHECK(access::client_of("::ffff:10.0.0.1") == access::client_of("10.0.0.1"));
}

TEST_CASE("a unix socket is never slowed", "[access]") {
    Stage stage;
    CHECK(stage.allowed("", 100) == 100);
    CHECK(stage.failures.clients() == 0);
}

TEST_CASE("many clients cost bounded memory, and those that failed most are remembered", "[access]") {
    Failures::Limits limits;
    limits.clients = 8;
    Stage stage(limits);
    CHECK(stage.allowed("10.0.0.1", 10) == 10);
    for (int i = 0; i < 100; ++i) stage.failures.note("10.0.1." + std::to_string(i));
    CHECK(stage.failures.clients() == 8);
    CHECK(stage.allowed("10.0.0.1", 1) == 0);
    stage.clock.advance(1h);
    stage.failures.note("10.0.2.1");
    CHECK(stage.failures.clients() == 1);
}
