// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/access/tokens.h>

#include <chrono>
#include <string_view>

namespace shallop::api {

/// What the body of POST /v1/tokens asks for: {"name", "scope", "expires"?}, the last one a time, or so long from `now` on. Faults: invalid,
/// too_large.
base::Result<access::Wanted> parse_token(std::string_view json, std::chrono::system_clock::time_point now);

}  // namespace shallop::api
