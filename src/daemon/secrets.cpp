// SPDX-License-Identifier: Apache-2.0
// What the vault is given, and who is given what is in it.
#include <shallop/function/secret.h>

#include "daemon/daemon.h"

namespace shallop::daemon {

secret::Settings Daemon::secret_settings() const {
    secret::Settings own;
    own.given_key = settings_.secret_key_file;
    own.own_key = settings_.data_dir + "/secret-key";
    return own;
}

secret::Vault::Parts Daemon::secret_parts(async::BlockingPool& blocking) {
    return {store::Secrets(*store_),
            blocking,
            clock_,
            log_,
            [this](std::string_view name) {
                auto users = registry_.users_of_secret(name);
                for (auto& job : jobs_.users_of_secret(name)) users.push_back(std::move(job));
                return users;
            },
            [this] { return registry_.hold(); },
            [this](std::string name) { return launcher_.renew_secret(std::move(name)); }};
}

function::SecretOpener Daemon::secret_opener() {
    return [this](const std::string& name) { return vault_.open(name); };
}

}  // namespace shallop::daemon
