// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>
#include <shallop/base/units.h>
#include <shallop/http/message.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace shallop::daemon {

/// Everything `shallop serve` can be told. Flag > SHALLOP_X > SHALLOP_X_FILE > config file > default.
struct Settings {
    std::string listen = "0.0.0.0:8080";
    std::string admin_listen = "127.0.0.1:8081";
    std::string admin_auth = "token";  ///< token, or none (loopback or unix socket only)
    std::string admin_token;           ///< "" = made at first start and kept in data_dir/admin-token
    std::vector<std::string> admin_hosts;
    std::string tls_cert;       ///< a file; "" = both listeners speak plain HTTP
    std::string tls_key;        ///< a file
    std::string tls_client_ca;  ///< a file; "" = no client of the admin listener needs a certificate
    std::string data_dir = "/var/lib/shallop";
    std::string
        secret_key_file;  ///< of the key that secrets are sealed with; "" = made at first use, data_dir/secret-key
    std::string run_dir = "/run/shallop";
    std::string docker_host;  ///< "" = DOCKER_HOST, else unix:///var/run/docker.sock
    std::string docker_config;
    std::string log_level = "info";
    base::Duration grace = std::chrono::seconds(30);
    std::int64_t max_instances = 64;
    base::Bytes max_memory = 0;  ///< sum of limits.memory of all instances; 0 = nine tenths of the machine's
    std::int64_t starts_in_flight = 5;
    std::string build_network = "bridge";      ///< of the containers that install packages
    std::vector<std::string> build_env;        ///< theirs, NAME=VALUE
    std::int64_t runtime_pool = 2;             ///< instances of each runtime that wait for code
    std::int64_t runtime_pool_most = 8;        ///< the same, while there is demand
    std::int64_t queue_concurrency = 64;       ///< queued events that run at once
    std::int64_t backlog_events = 2'000'000;   ///< queued events in all
    base::Bytes backlog_bytes = 4ULL << 30;    ///< their bodies
    std::vector<std::string> trusted_proxies;  ///< api::TrustedProxies
    std::vector<std::string> callback_allow;   ///< private addresses that callbacks and destinations may lead to
    std::string functions;                     ///< a folder whose functions are served; "": none
    std::vector<std::string> bind_roots;
    http::Limits http;
};

/// The outcome of reading the command line, the environment and the file.
struct Loaded {
    Settings settings;
    bool help = false;
    std::string config_file;
    std::vector<std::string> words;  ///< the command line, to be read again
    std::vector<std::pair<std::string, std::string>>
        effective;  ///< name and value in the order of --help, secrets hidden
};

/// `environment` is asked for SHALLOP_… and DOCKER_HOST. Faults: invalid, naming the flag, variable or line and what it takes.
base::Result<Loaded> load_settings(std::span<const std::string> args,
                                   const std::function<std::optional<std::string>(const std::string&)>& environment);

/// The text of `shallop serve --help`: each setting with its default, its variable and one line.
std::string settings_help();

}  // namespace shallop::daemon
