// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings_table.h"

#include <shallop/api/trusted_proxies.h>
#include <shallop/queue/outbound.h>

#include <algorithm>
#include <charconv>

namespace shallop::daemon {
namespace {

using base::Error;
using base::Fault;
using base::Status;

Entry text(std::string name, std::string value, std::string help, std::string Settings::* member, bool secret = false) {
    return {std::move(name),
            std::move(value),
            std::move(help),
            secret,
            [member](Settings& s, const std::string& v) -> Status {
                s.*member = v;
                return {};
            },
            [member](const Settings& s) { return s.*member; }};
}

/// The name of a file. Its contents instead, which SHALLOP_NAME_FILE leads to, are in no message: they may be a key.
Entry file(std::string name, std::string help, std::string Settings::* member) {
    auto entry = text(name, "FILE", std::move(help), member);
    entry.set = [=](Settings& s, const std::string& v) -> Status {
        if (v.find('\n') != std::string::npos || v.starts_with("-----")) {
            return Error(Fault::invalid, "takes the name of a file, not what is in it: use --" + name + " FILE");
        }
        s.*member = v;
        return {};
    };
    return entry;
}

Entry choice(std::string name, std::vector<std::string> allowed, std::string help, std::string Settings::* member) {
    std::string words;
    for (const auto& word : allowed) words += (words.empty() ? "" : "|") + word;
    return {std::move(name),
            words,
            std::move(help),
            false,
            [member, allowed, words](Settings& s, const std::string& v) -> Status {
                if (std::find(allowed.begin(), allowed.end(), v) == allowed.end()) {
                    return Error(Fault::invalid, "takes one of " + words + ", not '" + v + "'");
                }
                s.*member = v;
                return {};
            },
            [member](const Settings& s) { return s.*member; }};
}

Entry list(std::string name, std::string value, std::string help, std::vector<std::string> Settings::* member) {
    return {std::move(name),
            std::move(value),
            std::move(help),
            false,
            [member](Settings& s, const std::string& v) -> Status {
                auto& words = s.*member;
                words.clear();
                for (std::size_t at = 0; at <= v.size();) {
                    const auto end = std::min(v.find(',', at), v.size());
                    if (end > at) words.push_back(v.substr(at, end - at));
                    at = end + 1;
                }
                return {};
            },
            [member](const Settings& s) {
                std::string joined;
                for (const auto& word : s.*member) joined += (joined.empty() ? "" : ",") + word;
                return joined;
            }};
}

/// The same, where what was said is looked at as a whole.
template <typename Check>
Entry checked(Entry entry, Check check) {
    entry.set = [set = std::move(entry.set), check](Settings& s, const std::string& v) -> Status {
        if (auto done = set(s, v); !done) return done;
        const auto fine = check(s);
        return fine ? Status() : Status(fine.error());
    };
    return entry;
}

template <typename Get>
Entry count(std::string name, std::string help, std::int64_t least, std::int64_t most, Get member) {
    return {std::move(name),
            "N",
            std::move(help),
            false,
            [=](Settings& s, const std::string& v) -> Status {
                std::int64_t number = 0;
                const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), number);
                if (error != std::errc{} || end != v.data() + v.size() || number < least || number > most) {
                    return Error(Fault::invalid, "takes a whole number from " + std::to_string(least) + " to " +
                                                     std::to_string(most) + ", not '" + v + "'");
                }
                member(s) = static_cast<std::remove_reference_t<decltype(member(s))>>(number);
                return {};
            },
            [=](const Settings& s) { return std::to_string(member(const_cast<Settings&>(s))); }};
}

template <typename Get>
Entry duration(std::string name, std::string help, Get member) {
    return {std::move(name),
            "DURATION",
            std::move(help),
            false,
            [=](Settings& s, const std::string& v) -> Status {
                const auto read = base::parse_duration(v);
                if (!read) return read.error();
                if (*read <= base::Duration::zero()) return Error(Fault::invalid, "takes a duration longer than 0");
                member(s) = *read;
                return {};
            },
            [=](const Settings& s) { return base::format_duration(member(const_cast<Settings&>(s))); }};
}

template <typename Get>
Entry size(std::string name, std::string help, base::Bytes least, Get member) {
    return {std::move(name),
            "SIZE",
            std::move(help),
            false,
            [=](Settings& s, const std::string& v) -> Status {
                const auto read = base::parse_bytes(v);
                if (!read) return read.error();
                if (*read < least) return Error(Fault::invalid, "takes at least " + base::format_bytes(least));
                member(s) = *read;
                return {};
            },
            [=](const Settings& s) { return base::format_bytes(member(const_cast<Settings&>(s))); }};
}

std::vector<Entry> make_entries() {
    return {
        text("listen", "ADDRESS", "gateway: functions and nothing else (HOST:PORT, [::]:PORT or unix:/PATH)",
             &Settings::listen),
        text("admin-listen", "ADDRESS", "REST API, metrics and health", &Settings::admin_listen),
        choice("admin-auth", {"token", "none"}, "who may use the API; none only on a loopback address or a unix socket",
               &Settings::admin_auth),
        text("admin-token", "TOKEN",
             "the API's first token (better in SHALLOP_ADMIN_TOKEN_FILE); else made at first start in "
             "DATA_DIR/admin-token",
             &Settings::admin_token, true),
        list("admin-host", "NAME,…", "Host names the API answers to besides localhost and addresses",
             &Settings::admin_hosts),
        file("tls-cert",
             "both listeners speak https, with this certificate and its chain (PEM); a unix socket stays plain",
             &Settings::tls_cert),
        file("tls-key", "the certificate's private key (PEM, without a passphrase)", &Settings::tls_key),
        file("tls-client-ca",
             "clients of the admin listener must show a certificate of this CA (PEM), besides the token",
             &Settings::tls_client_ca),
        text("data-dir", "DIR", "the database and the first token: back this up", &Settings::data_dir),
        file("secret-key-file",
             "the key that secrets are sealed with, 64 hexadecimal digits; else made at first use in "
             "DATA_DIR/secret-key",
             &Settings::secret_key_file),
        text("run-dir", "DIR", "sockets to running containers; in a container a host directory mounted at any path",
             &Settings::run_dir),
        text("functions", "DIR",
             "a folder whose files and folders are served as functions, each at its path, from the moment they are "
             "saved",
             &Settings::functions),
        text("docker-host", "URL",
             "the engine: unix:///PATH or tcp://HOST:PORT; else DOCKER_HOST, else unix:///var/run/docker.sock",
             &Settings::docker_host),
        text("docker-config", "FILE",
             "registry credentials; else DOCKER_CONFIG/config.json, else ~/.docker/config.json",
             &Settings::docker_config),
        choice("log-level", {"debug", "info", "warn", "error"}, "least level written to stderr; reloadable",
               &Settings::log_level),
        duration("grace", "time for running invocations to end after SIGTERM",
                 [](Settings& s) -> auto& { return s.grace; }),
        count("max-instances", "containers at once, of all functions", 1, 10'000,
              [](Settings& s) -> auto& { return s.max_instances; }),
        size("max-memory",
             "what limits.memory of all containers may amount to; 0: nine tenths of this machine's memory", 0,
             [](Settings& s) -> auto& { return s.max_memory; }),
        count("starts-in-flight", "containers being started at once; beyond 4 to 8 an engine only adds latency", 1, 256,
              [](Settings& s) -> auto& { return s.starts_in_flight; }),
        count("runtime-pool", "instances of each runtime that wait for the code of a function; 0: none", 0, 1'000,
              [](Settings& s) -> auto& { return s.runtime_pool; }),
        count("runtime-pool-most", "the same, while many functions are called for the first time", 0, 1'000,
              [](Settings& s) -> auto& { return s.runtime_pool_most; }),
        text("build-network", "NAME",
             "Docker network of the containers that install the packages of functions; none: without",
             &Settings::build_network),
        list("build-env", "NAME=VALUE,…",
             "variables of these containers: PIP_INDEX_URL, NPM_CONFIG_REGISTRY, https_proxy", &Settings::build_env),
        count("queue-concurrency", "queued events that run at once, of all functions", 1, 10'000,
              [](Settings& s) -> auto& { return s.queue_concurrency; }),
        count("backlog-events", "queued events that may wait, of all functions", 0, 1'000'000'000,
              [](Settings& s) -> auto& { return s.backlog_events; }),
        size("backlog-bytes", "what the bodies of queued events may amount to on the disk", 0,
             [](Settings& s) -> auto& { return s.backlog_bytes; }),
        checked(list("callback-allow", "ADDRESS,…",
                     "private addresses that X-Callback-Url and destinations may lead to: 10.0.0.0/8, 127.0.0.1:9000",
                     &Settings::callback_allow),
                [](const Settings& s) { return queue::is_allowed(s.callback_allow, "", 0); }),
        checked(list("trusted-proxies", "ADDRESS,…",
                     "proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: 10.0.0.0/8, ::1, unix",
                     &Settings::trusted_proxies),
                [](const Settings& s) { return api::TrustedProxies::read(s.trusted_proxies); }),
        list("bind-root", "DIR,…", "host directories below which functions may bind-mount; none by default",
             &Settings::bind_roots),
        size("head-limit", "request line and header fields", 1024, [](Settings& s) -> auto& { return s.http.head; }),
        count("field-limit", "header fields of a request", 10, 10'000,
              [](Settings& s) -> auto& { return s.http.fields; }),
        size("target-limit", "request target", 256, [](Settings& s) -> auto& { return s.http.target; }),
        duration("head-timeout", "from a request's first byte to the end of its head",
                 [](Settings& s) -> auto& { return s.http.head_time; }),
        duration("idle-timeout", "between requests on a connection", [](Settings& s) -> auto& { return s.http.idle; }),
        size("body-rate", "bytes a second a request body must keep up", 1,
             [](Settings& s) -> auto& { return s.http.body_rate; }),
        duration("write-timeout", "a reply the client reads nothing of for so long is cut",
                 [](Settings& s) -> auto& { return s.http.write_time; }),
        count("max-connections", "client connections; beyond, the oldest idle one is closed", 1, 1'000'000,
              [](Settings& s) -> auto& { return s.http.connections; }),
    };
}

}  // namespace

const std::vector<Entry>& entries() {
    static const std::vector<Entry> table = make_entries();
    return table;
}

}  // namespace shallop::daemon
