// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_tostring.hpp>

#include <shallop/folder/complaint.h>

/// Lets `REQUIRE(result)` say what was complained of. Included before the first such line.
template <typename T>
struct Catch::StringMaker<shallop::folder::Result<T>> {
    static std::string convert(const shallop::folder::Result<T>& result) {
        return result ? "a value" : result.error().what;
    }
};
