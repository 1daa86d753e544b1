// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/runtime_demand.h>

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using namespace std::chrono_literals;
using pool::RuntimeDemand;

namespace {

constexpr async::Instant start{};

}  // namespace

TEST_CASE("without demand the least wait, and none where there are to be none", "[pool]") {
    CHECK(RuntimeDemand({2, 8}).wanted(start) == 2);
    RuntimeDemand none({0, 8});
    none.asked(start);
    CHECK(none.wanted(start) == 0);
}

TEST_CASE("as many wait as were asked for in the busiest moments, up to the most", "[pool]") {
    RuntimeDemand demand({2, 8});
    for (int i = 0; i < 5; ++i) demand.asked(start + i * 500ms);
    CHECK(demand.wanted(start + 3s) == 5);
    for (int i = 0; i < 20; ++i) demand.asked(start + 4s);
    CHECK(demand.wanted(start + 4s) == 8);
    CHECK(RuntimeDemand({4, 1}).wanted(start) == 4);
}

TEST_CASE("what is asked for now and then is no reason for more", "[pool]") {
    RuntimeDemand demand({2, 8});
    for (int i = 0; i < 10; ++i) demand.asked(start + i * 5s);
    CHECK(demand.wanted(start + 50s) == 2);
}

TEST_CASE("a burst is forgotten after a minute", "[pool]") {
    RuntimeDemand demand({1, 8});
    for (int i = 0; i < 6; ++i) demand.asked(start + 1s);
    CHECK(demand.wanted(start + 60s) == 6);
    CHECK(demand.wanted(start + 61s) == 1);
}
