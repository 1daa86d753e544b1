// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/error.h>

#include <charconv>
#include <string>
#include <string_view>

namespace shallop::contract {

/// The pointer of a too_large fault that is the request head's (431) rather than the body's (413).
inline constexpr const char* head_too_large = "head";

/// The pointer of a function_failed that was the exit of a process: this, and its code.
inline constexpr std::string_view exited = "exit:";

/// The code that a fault tells, -1 if none.
inline int exit_code_of(const base::Error& error) {
    int code = -1;
    const std::string_view pointer = error.pointer;
    if (pointer.starts_with(exited))
        std::from_chars(pointer.data() + exited.size(), pointer.data() + pointer.size(), code);
    return code;
}

}  // namespace shallop::contract
