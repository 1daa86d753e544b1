// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "contract/http_request.h"

#include <optional>
#include <string>
#include <vector>

namespace shallop::contract {

/// The parameters ("NAME=value") with which a runtime of contract fcgi gets an event: all that a runtime of contract http is told in its request's
/// head, as a web server before a FastCGI server passes it on. `script` is the runtime's own file, which runs every event.
std::vector<std::string> runtime_parameters(const function::Event& event, const std::string& script,
                                            std::optional<std::uint64_t> content_length, TraceIds& traces);

}  // namespace shallop::contract
