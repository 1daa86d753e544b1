// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <new>

namespace shallop::base {

/// For who catches a std::bad_alloc: tells the program's new-handler, if it has one. Not every allocation that fails has done so; Asio's do not.
inline void tell_new_handler() {
    try {
        if (const auto handler = std::get_new_handler()) handler();
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): it has nothing left to give up
    }
}

}  // namespace shallop::base
