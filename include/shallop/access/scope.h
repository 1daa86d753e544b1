// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string_view>

/// Who may use the admin API, how often they may be wrong, and what they did.
namespace shallop::access {

/// What a token may do. Each scope has all that those before it have.
enum class Scope {
    metrics,  ///< read the metrics, and nothing else
    invoke,   ///< call functions, and see what became of a call whose id one has
    deploy,   ///< functions, and all that belongs to them
    admin,    ///< tokens, the audit log, the daemon itself
};

inline constexpr std::array all_scopes{Scope::metrics, Scope::invoke, Scope::deploy, Scope::admin};

/// "deploy"
std::string_view name(Scope scope);

std::optional<Scope> parse_scope(std::string_view text);

inline bool covers(Scope has, Scope needed) { return has >= needed; }

}  // namespace shallop::access
