// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/function/event.h>
#include <shallop/function/spec.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shallop::contract {

/// What the environment says that neither the event nor the function knows.
struct EnvironmentFacts {
    std::optional<std::uint64_t> content_length;  ///< bytes that stdin will carry; nullopt = the request has no body
    std::chrono::system_clock::time_point deadline{};
};

/// All names and values with their NULs. Leaves room in one frame of the shim for the command beside it.
inline constexpr std::size_t environment_limit = 128 * 1024;

/// The variables of one CGI/1.1 request as "NAME=value" (RFC 3875 section 4.1, contracts A1), to be added to the container's own; of contract fcgi
/// the parameters.
///
/// Never exported: `Proxy` (httpoxy), credentials unless the function asks for them, hop-by-hop fields and those that Connection names, `X-Shallop-*`,
/// and names with other characters than letters, digits and '-' (an underscore would be a twin of '-').
/// Faults: invalid (path with bad, slash or NUL escapes, or dot segments), too_large with pointer `head_too_large`.
base::Result<std::vector<std::string>> cgi_environment(const function::Function& function, const function::Event& event,
                                                       const EnvironmentFacts& facts);

}  // namespace shallop::contract
