// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/secret_bytes.h>

#include <catch2/catch_test_macros.hpp>

#include <utility>

using namespace shallop::base;

TEST_CASE("secret bytes are zero at first, are copied in, and move whole", "[base]") {
    CHECK(SecretBytes(3).view() == std::string_view("\0\0\0", 3));
    CHECK(SecretBytes().view().empty());
    auto from = SecretBytes::copy_of("hunter2");
    auto to = std::move(from);
    CHECK(to.view() == "hunter2");
    CHECK(from.size() == 0);
    from = std::move(to);
    CHECK(from.view() == "hunter2");
    CHECK(to.size() == 0);
}

TEST_CASE("hexadecimal digits and base64 are read strictly", "[base]") {
    CHECK(secret_from_hex("00ffA1")->view() == std::string_view("\0\xff\xa1", 3));
    for (const char* text : {"0", "0g", "00 ff", "00ff\n", "0x00"}) {
        CAPTURE(text);
        CHECK_FALSE(secret_from_hex(text));
    }
    CHECK(secret_from_base64("aHVudGVyMg==")->view() == "hunter2");
    CHECK(secret_from_base64("")->size() == 0);
    for (const char* text : {"aHVudGVyMg", "aHVudGVyMg=", "aHVud GVyMg==", "aHVudGVyMg==\n", "aHVu-_==", "!"}) {
        CAPTURE(text);
        CHECK_FALSE(secret_from_base64(text));
    }
}

TEST_CASE("what is wiped leaves nothing in its memory", "[base]") {
    std::string text(100, 'x');
    const char* const memory = text.data();
    const auto capacity = text.capacity();
    wipe(text);
    CHECK(text.empty());
    text.resize(capacity);  // no new memory: the old one can be looked at
    REQUIRE(text.data() == memory);
    CHECK(text.find('x') == std::string::npos);
}
