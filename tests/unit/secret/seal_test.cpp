// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "secret/seal.h"

using namespace shallop;
using namespace shallop::secret;
using base::SecretBytes;

namespace {

SecretBytes key(char of = 'k') { return SecretBytes::copy_of(std::string(key_bytes, of)); }

}  // namespace

TEST_CASE("what is sealed is opened by its key, under its name and version", "[secret]") {
    const auto sealed = seal(key(), "db", 3, SecretBytes::copy_of("hunter2"));
    CHECK(sealed.size() == 7 + seal_bytes);
    CHECK(sealed.find("hunter2") == std::string::npos);
    CHECK(unseal(key(), "db", 3, sealed)->view() == "hunter2");
    CHECK_FALSE(unseal(key('x'), "db", 3, sealed));
    CHECK_FALSE(unseal(key(), "dc", 3, sealed));
    CHECK_FALSE(unseal(key(), "db", 4, sealed));
}

TEST_CASE("no byte of what is sealed can be changed, cut or added", "[secret]") {
    const auto sealed = seal(key(), "db", 1, SecretBytes::copy_of("hunter2"));
    for (std::size_t at = 0; at < sealed.size(); ++at) {
        auto other = sealed;
        other[at] = static_cast<char>(other[at] ^ 1);
        CHECK_FALSE(unseal(key(), "db", 1, other));
        CHECK_FALSE(unseal(key(), "db", 1, sealed.substr(0, at)));
    }
    CHECK_FALSE(unseal(key(), "db", 1, sealed + "x"));
}

TEST_CASE("the same value sealed twice looks like another one", "[secret]") {
    const auto value = SecretBytes::copy_of("hunter2");
    CHECK(seal(key(), "db", 1, value) != seal(key(), "db", 1, value));
}
