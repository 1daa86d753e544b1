// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/function/event.h>

#include <string>
#include <string_view>

namespace shallop::queue {

/// An event's head as it is kept: CBOR (RFC 8949), because field values need not be UTF-8. Without id, function and body.
std::string write_head(const function::Event& event);

/// Faults: storage, where it is none.
base::Result<function::Event> read_head(std::string_view head);

/// Fields as a JSON array of [name, value]. What is not UTF-8 becomes U+FFFD.
std::string write_fields(const base::Fields& fields);

}  // namespace shallop::queue
