// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/registry/registry.h>

namespace shallop::registry {

using Functions = std::map<std::string, FunctionPtr, std::less<>>;

/// Whether each pattern can be understood and leaves the gateway's own paths alone. Faults: invalid at /routes/N/path.
Status check_routes(const function::Spec& spec);

/// The table of all routes of all functions. Faults: conflict at /routes, naming both functions; invalid.
Result<http::Router> build_routes(const Functions& functions);

/// Whether the functions there are and this one can have their routes together. Faults of build_routes().
Status check_routes_beside(Functions functions, const function::Spec& spec);

/// As build_routes; where the functions in the store conflict (by rules that became stricter), the later by name lose their routes,
/// and the log says so: they stay reachable at /function/NAME.
http::Router routes_without_conflicts(const Functions& functions, base::Log& log);

}  // namespace shallop::registry
