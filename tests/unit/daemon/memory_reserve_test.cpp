// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_reserve.h"

#include <catch2/catch_test_macros.hpp>

#include <new>

using shallop::daemon::MemoryReserve;

TEST_CASE("the reserve is given up for the first allocation that fails, and can be set aside again", "[daemon]") {
    MemoryReserve reserve(1 << 20);
    CHECK_FALSE(reserve.given_up());
    CHECK(reserve.restore());
    for (int turn = 0; turn < 2; ++turn) {
        const auto fail = std::get_new_handler();
        REQUIRE(fail != nullptr);
        fail();  // the allocation is tried again
        CHECK(reserve.given_up());
        CHECK_THROWS_AS(fail(), std::bad_alloc);
        CHECK(reserve.restore());
        CHECK_FALSE(reserve.given_up());
    }
}

TEST_CASE("without the reserve an allocation that fails does so at once", "[daemon]") {
    {
        const MemoryReserve reserve(1 << 20);
    }
    CHECK(std::get_new_handler() == nullptr);
}
