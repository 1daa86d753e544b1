// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/scope.h>

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using access::Scope;

TEST_CASE("a scope has what those before it have, and no more", "[access]") {
    for (const auto has : access::all_scopes) {
        for (const auto needed : access::all_scopes) CHECK(access::covers(has, needed) == (has >= needed));
    }
    CHECK(access::covers(Scope::admin, Scope::metrics));
    CHECK_FALSE(access::covers(Scope::invoke, Scope::deploy));
    CHECK_FALSE(access::covers(Scope::metrics, Scope::invoke));
}

TEST_CASE("a scope is read back from its name, and from nothing else", "[access]") {
    for (const auto scope : access::all_scopes) CHECK(access::parse_scope(access::name(scope)) == scope);
    for (const auto* text : {"", "Admin", "admin ", "root", "*"}) CHECK_FALSE(access::parse_scope(text));
}
