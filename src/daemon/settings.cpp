// SPDX-License-Identifier: Apache-2.0
#include "daemon/settings_table.h"

#include <shallop/docker/curl_engine.h>

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace shallop::daemon {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;
using Environment = std::function<std::optional<std::string>(const std::string&)>;
using Values = std::map<std::string, std::string>;

constexpr std::size_t longest_file = 64 * 1024;

const Entry* find_entry(std::string_view name) {
    for (const auto& entry : entries()) {
        if (entry.name == name) return &entry;
    }
    return nullptr;
}

std::string variable(const std::string& name) {
    std::string text = "SHALLOP_" + name;
    for (auto& c : text) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(longest_file + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    if (!file.is_open() || file.bad()) return Error(Fault::invalid, "cannot read the file " + path);
    if (text.size() > longest_file) return Error(Fault::invalid, path + " is larger than 64 KiB");
    return text;
}

Result<std::string> read_secret(const std::string& path) {
    auto text = read_file(path);
    if (!text) return text;
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
    return text;
}

struct Words {
    Values flags;
    std::string config;
    bool help = false;
};

Result<Words> read_words(std::span<const std::string> args) {
    Words words;
    for (std::size_t at = 0; at < args.size(); ++at) {
        const std::string& word = args[at];
        if (word == "--help" || word == "-h") {
            words.help = true;
            continue;
        }
        if (!word.starts_with("--"))
            return Error(Fault::invalid, "'" + word + "' is not a flag; see: shallop serve --help");
        const auto equals = word.find('=');
        const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const bool file = name.ends_with("-file") && find_entry(name.substr(0, name.size() - 5)) != nullptr;
        if (name != "config" && !file && find_entry(name) == nullptr) {
            return Error(Fault::invalid, "there is no flag --" + name + "; see: shallop serve --help");
        }
        if (equals == std::string::npos && at + 1 >= args.size())
            return Error(Fault::invalid, "--" + name + " needs a value");
        std::string value = equals == std::string::npos ? args[++at] : word.substr(equals + 1);
        if (file) {
            auto secret = read_secret(value);
            if (!secret) return Error(Fault::invalid, "--" + name + ": " + secret.error().detail);
            words.flags[name.substr(0, name.size() - 5)] = std::move(*secret);
        } else if (name == "config") {
            words.config = std::move(value);
        } else {
            words.flags[name] = std::move(value);
        }
    }
    return words;
}

Result<Values> read_config(const std::string& path) {
    Values values;
    if (path.empty()) return values;
    const auto text = read_file(path);
    if (!text) return Error(Fault::invalid, "--config: " + text.error().detail);
    try {
        const auto document = YAML::Load(*text);
        if (document.IsNull()) return values;
        if (!document.IsMap())
            return Error(Fault::invalid, path + ": must be a map of settings, such as `listen: 0.0.0.0:8080`");
        for (const auto& pair : document) {
            const auto name = pair.first.as<std::string>();
            if (find_entry(name) == nullptr)
                return Error(Fault::invalid, path + ": there is no setting '" + name + "'");
            if (pair.second.IsSequence()) {
                for (const auto& item : pair.second)
                    values[name] += (values[name].empty() ? "" : ",") + item.as<std::string>();
            } else {
                values[name] = pair.second.as<std::string>();
            }
        }
    } catch (const YAML::Exception& error) {
        return Error(Fault::invalid, path + ": " + error.what());
    }
    return values;
}

/// Where one setting's text comes from, for the message of a refusal.
struct Source {
    std::string text;
    std::string from;
};

Result<std::optional<Source>> find_source(const Entry& entry, const Values& flags, const Values& config,
                                          const Environment& environment) {
    const auto name = variable(entry.name);
    if (const auto at = flags.find(entry.name); at != flags.end()) return Source{at->second, "--" + entry.name};
    if (const auto value = environment(name)) return Source{*value, name};
    if (const auto path = environment(name + "_FILE")) {
        auto secret = read_secret(*path);
        if (!secret) return Error(Fault::invalid, name + "_FILE: " + secret.error().detail);
        return Source{std::move(*secret), name + "_FILE"};
    }
    if (const auto at = config.find(entry.name); at != config.end())
        return Source{at->second, "config file: " + entry.name};
    return std::optional<Source>();
}

bool loopback(const std::string& address) {
    return address.starts_with("127.") || address.starts_with("[::1]") || address.starts_with("localhost:") ||
           address.starts_with("unix:");
}

/// What is asked for and could not be kept is refused: nobody is to believe in a protection that is not there.
Status check_tls(const Settings& settings) {
    if (settings.tls_cert.empty() != settings.tls_key.empty()) {
        return Error(Fault::invalid, std::string("--tls-cert and --tls-key go together: give --tls-") +
                                         (settings.tls_key.empty() ? "key" : "cert") + " too");
    }
    if (settings.tls_client_ca.empty()) return {};
    if (settings.tls_cert.empty())
        return Error(Fault::invalid,
                     "--tls-client-ca needs --tls-cert and --tls-key: there are no client certificates without TLS");
    if (settings.admin_listen.starts_with("unix:")) {
        return Error(Fault::invalid, "--tls-client-ca cannot hold for --admin-listen " + settings.admin_listen +
                                         ": a unix socket speaks plain HTTP; leave it out, or listen on HOST:PORT");
    }
    return {};
}

Status check_together(const Settings& settings) {
    if (const auto sound = check_tls(settings); !sound) return sound;
    if (settings.admin_auth == "none" && !loopback(settings.admin_listen)) {
        return Error(
            Fault::invalid,
            "--admin-auth none is only allowed with an --admin-listen on a loopback address or a unix socket, not on " +
                settings.admin_listen);
    }
    if (const auto host = docker::check_host(settings.docker_host); !host) {
        return Error(Fault::invalid, "--docker-host (or DOCKER_HOST): " + host.error().detail);
    }
    if (!settings.admin_token.empty() && settings.admin_token.size() < 16) {
        return Error(Fault::invalid, "--admin-token needs at least 16 characters");
    }
    return {};
}

}  // namespace

Result<Loaded> load_settings(std::span<const std::string> args, const Environment& environment) {
    const auto words = read_words(args);
    if (!words) return words.error();
    Loaded loaded;
    loaded.help = words->help;
    loaded.words.assign(args.begin(), args.end());
    if (loaded.help) return loaded;
    loaded.config_file = !words->config.empty() ? words->config : environment("SHALLOP_CONFIG").value_or("");
    const auto config = read_config(loaded.config_file);
    if (!config) return config.error();
    for (const auto& entry : entries()) {
        const auto source = find_source(entry, words->flags, *config, environment);
        if (!source) return source.error();
        if (!*source) continue;
        const auto set = entry.set(loaded.settings, (*source)->text);
        if (!set) return Error(Fault::invalid, (*source)->from + ": " + set.error().detail);
    }
    auto& settings = loaded.settings;
    if (settings.docker_host.empty())
        settings.docker_host = environment("DOCKER_HOST").value_or("unix:///var/run/docker.sock");
    if (settings.docker_host.empty()) settings.docker_host = "unix:///var/run/docker.sock";
    if (const auto sound = check_together(settings); !sound) return sound.error();
    for (const auto& entry : entries()) {
        loaded.effective.emplace_back(entry.name,
                                      entry.secret && !entry.get(settings).empty() ? "(hidden)" : entry.get(settings));
    }
    return loaded;
}

std::string settings_help() {
    std::string text =
        "Runs the daemon: the gateway, the API and the containers.\n\n"
        "Usage: shallop serve [--SETTING VALUE]...\n\n"
        "Each setting is taken from its flag, else from SHALLOP_NAME, else from the file that SHALLOP_NAME_FILE "
        "names,\n"
        "else from the YAML file of --config (or SHALLOP_CONFIG), else its default. NAME is the flag in capitals, '-' "
        "as '_'.\n"
        "--NAME-file PATH reads the value from a file: for secrets.\n\nSettings:\n";
    const Settings defaults;
    for (const auto& entry : entries()) {
        text += "  --" + entry.name + " " + entry.value + "\n        " + entry.help;
        const auto standard = entry.get(defaults);
        if (!standard.empty()) text += " [" + standard + "]";
        text += "\n";
    }
    text +=
        "  --config FILE\n        YAML, one `name: value` a line\n  -h, --help\n        this text\n\n"
        "Signals: SIGTERM and SIGINT stop gracefully (twice: at once); SIGHUP reads log-level from the file and the\n"
        "files of TLS again.\n"
        "Example: shallop serve --listen 0.0.0.0:8080 --data-dir /var/lib/shallop\n";
    return text;
}

}  // namespace shallop::daemon
