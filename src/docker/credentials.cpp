// SPDX-License-Identifier: Apache-2.0
#include "docker/credentials.h"

#include "docker/codec_json.h"
#include "docker/target.h"

#include <cstdlib>
#include <fstream>

namespace shallop::docker {
namespace {

using json::Json;

constexpr std::string_view hub_server = "https://index.docker.io/v1/";

/// "https://host:port/v1/" → "host:port": the forms a key of `auths` has had.
std::string_view host_of(std::string_view key) {
    if (const auto scheme = key.find("://"); scheme != std::string_view::npos) key.remove_prefix(scheme + 3);
    return key.substr(0, key.find('/'));
}

bool is_hub(std::string_view host) {
    return host == "docker.io" || host == "index.docker.io" || host == "registry-1.docker.io";
}

bool matches(std::string_view key, std::string_view domain) {
    const auto host = host_of(key);
    return host == domain || (is_hub(host) && is_hub(domain));
}

std::string encode(const Json& entry, const std::string& domain) {
    const std::string server = is_hub(domain) ? std::string(hub_server) : domain;
    const std::string token = json::text(entry, "identitytoken");
    if (!token.empty()) return base64_url(json::dump({{"identitytoken", token}, {"serveraddress", server}}));
    std::string user = json::text(entry, "username");
    std::string password = json::text(entry, "password");
    std::string pair;
    if (base64_decode(json::text(entry, "auth"), pair)) {
        const auto colon = pair.find(':');
        if (colon != std::string::npos) {
            user = pair.substr(0, colon);
            password = pair.substr(colon + 1);
            while (!password.empty() && password.back() == '\0') password.pop_back();
        }
    }
    if (user.empty()) return "";
    return base64_url(json::dump({{"username", user}, {"password", password}, {"serveraddress", server}}));
}

}  // namespace

Credentials find_credentials(std::string_view config, const std::string& domain) {
    Credentials found;
    if (config.empty()) return found;
    const auto parsed = json::parse(config);
    if (!parsed || !parsed->is_object()) {
        found.unsupported = "the Docker config file is not JSON";
        return found;
    }
    const Json& auths = json::at(*parsed, "auths");
    if (auths.is_object()) {
        for (const auto& [key, entry] : auths.items()) {
            if (found.header.empty() && matches(key, domain)) found.header = encode(entry, domain);
        }
    }
    if (!found.header.empty()) return found;
    const Json& helpers = json::at(*parsed, "credHelpers");
    bool helped = !json::text(*parsed, "credsStore").empty();
    if (helpers.is_object()) {
        for (const auto& item : helpers.items()) helped = helped || matches(item.key(), domain);
    }
    if (helped) found.unsupported = "credsStore and credHelpers are not supported: put the registry into auths";
    return found;
}

std::string config_path(const std::string& setting) {
    if (!setting.empty()) return setting;
    const char* dir = std::getenv("DOCKER_CONFIG");
    if (dir != nullptr && *dir != '\0') return std::string(dir) + "/config.json";
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home != '\0') return std::string(home) + "/.docker/config.json";
    return "";
}

std::string read_config(const std::string& path) {
    constexpr std::size_t most = 1024 * 1024;
    std::ifstream file(path, std::ios::binary);
    if (path.empty() || !file) return "";
    std::string text(most, '\0');
    file.read(text.data(), static_cast<std::streamsize>(most));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

}  // namespace shallop::docker
