// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/complaint.h"

namespace shallop::cli {

/// What every command can be told.
struct Globals {
    std::string url;
    std::string token_file;
    std::string ca, cert, key;  ///< files
    bool json = false;
    std::vector<std::string> after_dashes;  ///< the words after "--"
};

/// Where the daemon's admin listener is, and what opens it.
struct Server {
    std::string url = "http://127.0.0.1:8081";  ///< without a trailing slash
    std::string unix_socket;                    ///< instead of TCP, where not empty
    std::string token;                          ///< "" = none known
    std::string ca;         ///< whose certificates are trusted, in PEM; "" = those the machine trusts
    std::string cert, key;  ///< what we show a daemon that asks; "" = nothing
};

using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Where the daemon keeps its token unless told otherwise.
inline constexpr const char* default_token_file = "/var/lib/shallop/admin-token";

/// Flag, then SHALLOP_URL (or SHALLOP_SERVER), then the default; for the token: flag, SHALLOP_TOKEN, SHALLOP_TOKEN_FILE, `usual_file`
/// where it can be read; for TLS: flag, SHALLOP_CA, SHALLOP_CERT, SHALLOP_KEY. A token is never taken from the command line, where every user of the machine could read it.
Result<Server> find_server(const Globals& globals, const Environment& environment,
                           const std::string& usual_file = default_token_file);

/// The process's own environment.
std::optional<std::string> from_environment(const std::string& name);

}  // namespace shallop::cli
