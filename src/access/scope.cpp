// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/scope.h>

#include <algorithm>

namespace shallop::access {

std::string_view name(Scope scope) {
    switch (scope) {
        case Scope::metrics:
            return "metrics";
        case Scope::invoke:
            return "invoke";
        case Scope::deploy:
            return "deploy";
        case Scope::admin:
            return "admin";
    }
    return "";
}

std::optional<Scope> parse_scope(std::string_view text) {
    const auto* const at =
        std::find_if(all_scopes.begin(), all_scopes.end(), [&](Scope scope) { return name(scope) == text; });
    return at == all_scopes.end() ? std::nullopt : std::optional(*at);
}

}  // namespace shallop::access
