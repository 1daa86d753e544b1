// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "cli/complaint.h"
#include "cli/server.h"

namespace CLI {
class App;
}

namespace shallop::cli {

/// The flags of `shallop deploy` and `shallop jobs run`, as they were typed; what was not typed stays empty and is left to the daemon's defaults.
struct ResourceFlags {
    std::string image;
    std::vector<std::string> command;
    std::vector<std::string> routes;   ///< "[METHOD,… ][HOST]/PATH"
    std::vector<std::string> env;      ///< "NAME=VALUE", or "NAME" for the value here
    std::vector<std::string> secrets;  ///< "NAME[:FILE]"
    std::vector<std::string> mounts;   ///< "SOURCE:TARGET[:ro|rw]"; a source that starts with '/' is a host path
    std::vector<std::string> capabilities;
    std::string language, entry, handler;  ///< of functions from files
    bool own_routes = false;               ///< theirs too: the application's
    std::string contract, output, port, ready_path, pull, user, network, runtime, gpus;
    std::string memory, cpus, pids, files, tmp, timeout, request_body, response_body;
    std::string min, max, concurrency, standby, idle_timeout, idle, keep_alive, max_invocations, queue, queue_timeout;
    bool reuse = false;
    bool fresh = false;
    bool writable_root = false;
    bool pass_authorization = false;
};

/// Has `command` fill them in; `flags` outlives it.
void add_resource_flags(CLI::App& command, ResourceFlags& flags);

/// Of them, what is about one container, whatever is asked of it.
void add_container_flags(CLI::App& command, ResourceFlags& flags);

/// The runtime, entry and handler that they say, as members of a resource's source.
nlohmann::ordered_json source_from(const ResourceFlags& flags);

/// The function resource that they say, without its source. Complaints name the flag.
Result<nlohmann::ordered_json> resource_from(const ResourceFlags& flags, const Environment& environment);

}  // namespace shallop::cli
