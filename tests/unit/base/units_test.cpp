// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/units.h>

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop::base;
using namespace std::chrono_literals;

TEST_CASE("sizes are read with binary and decimal suffixes", "[base]") {
    CHECK(parse_bytes("512").value() == 512);
    CHECK(parse_bytes("64Ki").value() == 65536);
    CHECK(parse_bytes("256Mi").value() == 256ULL << 20);
    CHECK(parse_bytes("6M").value() == 6'000'000);
    CHECK(parse_bytes("1.5Gi").value() == 3ULL << 29);
}

TEST_CASE("a size that is none is refused in words", "[base]") {
    for (const auto* text : {"", "Mi", "-1", "1x", "1 Mi", "1e9", "nan", "9999999999999Ti", "1..5"}) {
        CAPTURE(text);
        const auto size = parse_bytes(text);
        REQUIRE_FALSE(size);
        CHECK(size.error().fault == Fault::invalid);
    }
}

TEST_CASE("what format_bytes writes parse_bytes reads back", "[base]") {
    for (const Bytes bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 1536ULL, 256ULL << 20, 5ULL << 40}) {
        CHECK(parse_bytes(format_bytes(bytes)).value() == bytes);
    }
}

TEST_CASE("durations are read alone and in sequence", "[base]") {
    CHECK(parse_duration("250ms").value() == 250ms);
    CHECK(parse_duration("30s").value() == 30s);
    CHECK(parse_duration("1h30m").value() == 90min);
    CHECK(parse_duration("1.5s").value() == 1500ms);
    CHECK(parse_duration("0").value() == 0s);
}

TEST_CASE("a duration that is none is refused", "[base]") {
    for (const auto* text : {"", "s", "30", "-1s", "1w", "400d", "1s2", "5 m"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text));
    }
}

TEST_CASE("what format_duration writes parse_duration reads back", "[base]") {
    for (const Duration duration :
         {Duration(0), Duration(1ms), Duration(30s), Duration(90min), Duration(49h), Duration(61001ms)}) {
        CHECK(parse_duration(format_duration(duration)).value() == duration);
    }
}
