// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace shallop::contract {

/// The pointer of a too_large fault that is the request head's (431) rather than the body's (413).
inline constexpr const char* head_too_large = "head";

}  // namespace shallop::contract
