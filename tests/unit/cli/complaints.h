// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_tostring.hpp>

#include "cli/complaint.h"

/// Lets `REQUIRE(result)` say what was complained of. Included before the first such line.
template <typename T>
struct Catch::StringMaker<shallop::cli::Result<T>> {
    static std::string convert(const shallop::cli::Result<T>& result) {
        return result ? "a value" : result.error().what;
    }
};
