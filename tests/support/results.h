// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <catch2/catch_tostring.hpp>

/// Lets `REQUIRE(result)` say what went wrong. Included before the first such line.
template <typename T>
struct Catch::StringMaker<boost::system::result<T, shallop::base::Error>> {
    static std::string convert(const boost::system::result<T, shallop::base::Error>& result) {
        if (result) return "a value";
        return std::string(shallop::base::name(result.error().fault)) + ": " + result.error().detail;
    }
};
