// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/keep_alive.h>

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using pool::Instant;
using pool::LearnedKeepAlive;

namespace {

void idle_for(LearnedKeepAlive& policy, base::Duration duration, int times = 1) {
    static Instant now{1h};
    for (int i = 0; i < times; ++i) {
        policy.rest(now);
        now += duration;
        policy.arrival(now);
    }
}

}  // namespace

TEST_CASE("the fixed policy keeps an instance for its timeout", "[pool]") {
    const auto windows = pool::FixedKeepAlive(7min).windows();
    CHECK(windows.prewarm_after == 0s);
    CHECK(windows.keep_for == 7min);
}

TEST_CASE("the learned policy is the fixed one until it has seen enough", "[pool]") {
    LearnedKeepAlive policy(5min);
    idle_for(policy, 30min, 9);
    CHECK_FALSE(policy.representative());
    CHECK(policy.windows().keep_for == 5min);
    idle_for(policy, 30min);
    CHECK(policy.representative());
}

TEST_CASE("idle times that are alike give a late start ahead and a short stay", "[pool]") {
    LearnedKeepAlive policy(5min);
    idle_for(policy, 30min, 20);
    const auto windows = policy.windows();
    CHECK(windows.prewarm_after == 27min);                          // 30 less a tenth
    CHECK(windows.prewarm_after + windows.keep_for == 34min + 6s);  // 31, the bin's end, and a tenth
}

TEST_CASE("short idle times keep the instance", "[pool]") {
    LearnedKeepAlive policy(5min);
    idle_for(policy, 20s, 50);
    const auto windows = policy.windows();
    CHECK(windows.prewarm_after == 0s);
    CHECK(windows.keep_for == 66s);
}

TEST_CASE("a few of many idle times move neither window", "[pool]") {
    LearnedKeepAlive policy(5min);
    idle_for(policy, 60min, 200);
    idle_for(policy, 2min, 1);
    idle_for(policy, 200min, 1);
    CHECK(policy.windows().prewarm_after == 54min);
    CHECK(policy.windows().prewarm_after + policy.windows().keep_for < 70min);
}

TEST_CASE("idle times beyond the histogram make it unrepresentative once they are the most", "[pool]") {
    LearnedKeepAlive policy(5min);
    idle_for(policy, 10min, 20);
    idle_for(policy, 10h, 20);
    CHECK(policy.representative());
    idle_for(policy, 10h, 1);
    CHECK_FALSE(policy.representative());
    CHECK(policy.windows().keep_for == 5min);
}

TEST_CASE("idle times spread evenly have no shape to learn from", "[pool]") {
    LearnedKeepAlive policy(5min);
    for (int round = 0; round < 3; ++round) {
        for (int minute = 0; minute < LearnedKeepAlive::bins; ++minute) idle_for(policy, std::chrono::minutes(minute));
    }
    CHECK_FALSE(policy.representative());
}

TEST_CASE("old habits fade", "[pool]") {
    LearnedKeepAlive policy(5min);
    idle_for(policy, 30min, 20'000);
    idle_for(policy, 60min, 20'000);
    CHECK(policy.windows().prewarm_after == 54min);
}

TEST_CASE("an arrival without a rest before it teaches nothing", "[pool]") {
    LearnedKeepAlive policy(5min);
    for (int i = 0; i < 100; ++i) policy.arrival(Instant(1h) + i * 1min);
    CHECK_FALSE(policy.representative());
}

TEST_CASE("what a function's policy holds is bounded", "[pool]") { CHECK(sizeof(LearnedKeepAlive) <= 1280); }

TEST_CASE("scale.keep_alive says which policy it is", "[pool]") {
    function::Scale scale;
    CHECK_FALSE(pool::make_keep_alive(scale)->learns());
    scale.keep_alive = "learned";
    CHECK(pool::make_keep_alive(scale)->learns());
}
