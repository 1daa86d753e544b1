// SPDX-License-Identifier: Apache-2.0
// Secrets of the server's store that functions name.
#include <shallop/function/secret.h>
#include <shallop/registry/registry.h>

namespace shallop::registry {

Status Registry::check_stored_secrets(const function::Spec& spec) const {
    for (const auto& [name, pointer] : function::secrets_of(spec)) {
        if (settings_.has_secret && settings_.has_secret(name)) continue;
        return base::Error(base::Fault::not_found,
                           "there is no secret '" + name + "': set it first (shallop secrets set " + name + ")",
                           pointer);
    }
    return {};
}

std::vector<std::string> Registry::users_of_secret(std::string_view secret) const {
    std::vector<std::string> names;
    for (const auto& [name, function] : catalog_->functions) {
        if (function::uses_secret(function->spec, secret)) names.push_back(name);
    }
    return names;
}

}  // namespace shallop::registry
