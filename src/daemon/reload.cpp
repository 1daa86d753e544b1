// SPDX-License-Identifier: Apache-2.0
// What SIGHUP and POST /v1/reload take over: the log level, and the files of TLS.
#include <cstdlib>

#include "daemon/daemon.h"

namespace shallop::daemon {
namespace {

constexpr auto soon = std::chrono::days(14);
constexpr auto certificate_pause = std::chrono::hours(12);

std::optional<std::string> from_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string day(http::Tls::Time time) {
    const auto text = base::format_time(time);
    return text.substr(0, text.find('T'));
}

}  // namespace

/// All of it, or nothing.
base::Status Daemon::reload() {
    const auto loaded = load_settings(words_, from_environment);
    if (!loaded) return loaded.error();
    if (const auto secured = load_tls(); !secured) return secured;
    settings_.log_level = loaded->settings.log_level;
    log_.set_least(base::Level::info);  // whatever the levels before and after, this line is written
    log_.info("reloaded", {{"log-level", settings_.log_level}});
    apply_log_level();
    return {};
}

void Daemon::apply_log_level() {
    const std::string& word = settings_.log_level;
    log_.set_least(word == "debug"  ? base::Level::debug
                   : word == "info" ? base::Level::info
                   : word == "warn" ? base::Level::warn
                                    : base::Level::error);
}

/// Reads the certificates for new connections. What is wrong with one leaves both listeners as they were.
base::Status Daemon::load_tls() {
    if (settings_.tls_cert.empty()) return {};
    const auto now = clock_.wall();
    auto gateway = http::Tls::load({settings_.tls_cert, settings_.tls_key, ""}, now);
    if (!gateway) return gateway.error();
    auto admin = http::Tls::load({settings_.tls_cert, settings_.tls_key, settings_.tls_client_ca}, now);
    if (!admin) return admin.error();
    certificate_until_ = (*gateway)->valid_until();
    gateway_listener_.secure(std::move(*gateway));
    admin_listener_.secure(std::move(*admin));
    log_.info("certificate read", {{"file", settings_.tls_cert}, {"valid_until", day(certificate_until_)}});
    warn_of_certificate();
    return {};
}

void Daemon::warn_of_certificate() const {
    const auto left = certificate_until_ - clock_.wall();
    if (left > soon) return;
    const bool over = left <= left.zero();
    log_.warn(over ? "the certificate has expired: clients will refuse it" : "the certificate expires soon",
              {{"file", settings_.tls_cert}, {"valid_until", day(certificate_until_)}});
}

/// Who renews the certificate may have failed to, and nobody notices before its last day.
Task<void> Daemon::watch_certificate() {
    while (!settings_.tls_cert.empty()) {
        co_await clock_.sleep_for(certificate_pause);
        warn_of_certificate();
    }
}

}  // namespace shallop::daemon
