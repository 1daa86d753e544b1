// SPDX-License-Identifier: Apache-2.0
#include "cli/server.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace shallop::cli {
namespace {

std::string trimmed(std::string text) {
    const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
    while (!text.empty() && blank(text.back())) text.pop_back();
    text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
    return text;
}

Result<std::string> checked_token(const std::string& text, const std::string& from) {
    auto token = trimmed(text);
    const auto legal = [](char c) { return c > ' ' && c < 0x7f; };
    if (token.empty() || token.size() > 4096 || !std::all_of(token.begin(), token.end(), legal)) {
        return Complaint{from + " does not hold a token", "it should be one line of printable characters"};
    }
    return token;
}

Result<std::string> read_token(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream && text.empty()) {
        return Complaint{"cannot read the token file " + file + ": " + std::strerror(errno),
                         "name another with --token-file FILE, or run this as a user who may read it"};
    }
    return checked_token(text, "the file " + file);
}

Result<std::string> find_token(const Globals& globals, const Environment& environment, const std::string& usual_file) {
    if (!globals.token_file.empty()) return read_token(globals.token_file);
    if (const auto token = environment("SHALLOP_TOKEN"); token && !token->empty())
        return checked_token(*token, "SHALLOP_TOKEN");
    if (const auto file = environment("SHALLOP_TOKEN_FILE"); file && !file->empty()) return read_token(*file);
    const auto usual = read_token(usual_file);
    return usual ? *usual : std::string();
}

/// A file of TLS, from its flag or its variable; "" for none.
Result<std::string> find_file(const std::string& flag, const char* name, const char* variable,
                              const Environment& environment) {
    const auto file = flag.empty() ? environment(variable).value_or("") : flag;
    if (file.empty() || ::access(file.c_str(), R_OK) == 0) return file;
    return Complaint{"cannot read " + file + ": " + std::strerror(errno),
                     std::string("name another with --") + name + " FILE, or " + variable};
}

Done find_tls(Server& server, const Globals& globals, const Environment& environment) {
    auto ca = find_file(globals.ca, "ca", "SHALLOP_CA", environment);
    if (!ca) return ca.error();
    auto cert = find_file(globals.cert, "cert", "SHALLOP_CERT", environment);
    if (!cert) return cert.error();
    auto key = find_file(globals.key, "key", "SHALLOP_KEY", environment);
    if (!key) return key.error();
    if (cert->empty() && !key->empty()) {
        return Complaint{"there is a key and no certificate that belongs to it",
                         "name it with --cert FILE, or SHALLOP_CERT", 2};
    }
    server.ca = std::move(*ca);
    server.cert = std::move(*cert);
    server.key = std::move(*key);
    return {};
}

}  // namespace

std::optional<std::string> from_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<Server> find_server(const Globals& globals, const Environment& environment, const std::string& usual_file) {
    Server server;
    auto url = globals.url;
    if (url.empty()) url = environment("SHALLOP_URL").value_or("");
    if (url.empty()) url = environment("SHALLOP_SERVER").value_or("");
    if (url.starts_with("unix:")) {
        server.url = "http://localhost";
        server.unix_socket = url.substr(5);
        if (server.unix_socket.starts_with("//")) server.unix_socket.erase(0, 2);
    } else if (!url.empty()) {
        server.url = url.find("://") == std::string::npos ? "http://" + url : url;
    }
    while (server.url.ends_with('/')) server.url.pop_back();
    if (!server.url.starts_with("http://") && !server.url.starts_with("https://")) {
        return Complaint{"'" + url + "' is not an address of a daemon",
                         "give --url http://HOST:PORT, https://HOST:PORT or unix:/PATH", 2};
    }
    if (const auto found = find_tls(server, globals, environment); !found) return found.error();
    const auto token = find_token(globals, environment, usual_file);
    if (!token) return token.error();
    server.token = *token;
    return server;
}

}  // namespace shallop::cli
