// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace shallop::docker {

/// What the Docker config file has for one registry.
struct Credentials {
    std::string header;       ///< the value of X-Registry-Auth; empty = none
    std::string unsupported;  ///< why an entry could not be used, in words for the log; empty = nothing to say
};

/// Looks `domain` ("docker.io", "registry:5000") up in the text of a config.json. Entries of `auths` with `auth`, `username` and
/// `password`, or `identitytoken` are used; programs that keep credentials (credsStore, credHelpers) are not run.
Credentials find_credentials(std::string_view config, const std::string& domain);

/// The file to read: `setting`, else $DOCKER_CONFIG/config.json, else $HOME/.docker/config.json, else "".
std::string config_path(const std::string& setting);

/// The file's text, at most 1 MiB; empty where there is none.
std::string read_config(const std::string& path);

}  // namespace shallop::docker
