// SPDX-License-Identifier: Apache-2.0
#include "docker/target.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace shallop::docker {
namespace {

constexpr std::size_t longest_socket_path = 107;  // sun_path, less its end

bool word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

base::Error invalid(std::string why) {
    return {base::Fault::invalid, std::move(why) + " (unix:///path/to/docker.sock or tcp://host:port)"};
}

bool port_valid(std::string_view port) {
    if (port.empty() || port.size() > 5) return false;
    int number = 0;
    for (const char c : port) {
        if (c < '0' || c > '9') return false;
        number = number * 10 + (c - '0');
    }
    return number > 0 && number < 65536;
}

base::Result<Host> parse_tcp(std::string_view rest) {
    if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos || !port_valid(rest.substr(colon + 1))) {
        return invalid("the Docker host needs a port from 1 to 65535");
    }
    const auto name = rest.substr(0, colon);
    const auto plain = [](char c) {
        return word(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
    };
    if (name.empty() || name.size() > 253 || !std::all_of(name.begin(), name.end(), plain)) {
        return invalid("the Docker host has no valid host name");
    }
    return Host{"", "http://" + std::string(rest)};
}

/// The six bits of a character of either alphabet; -1 for any other.
int sextet(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

}  // namespace

base::Result<Host> parse_host(std::string_view text) {
    constexpr std::string_view unix_form = "unix://", tcp_form = "tcp://";
    if (text.starts_with(tcp_form)) return parse_tcp(text.substr(tcp_form.size()));
    if (!text.starts_with(unix_form)) return invalid("the Docker host has a form that is not spoken here");
    const auto path = text.substr(unix_form.size());
    if (path.empty() || path.front() != '/') return invalid("the Docker host's socket needs an absolute path");
    if (path.size() > longest_socket_path) return invalid("the Docker host's socket path is longer than 107 bytes");
    if (path.find('\0') != std::string_view::npos) return invalid("the Docker host's socket path has a NUL byte");
    return Host{std::string(path), "http://localhost"};
}

std::string percent_encode(std::string_view text, std::string_view keep) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (word(c) || c == '-' || c == '.' || c == '_' || c == '~' || keep.find(c) != std::string_view::npos) {
            encoded += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += digits[byte >> 4];
        encoded += digits[byte & 15];
    }
    return encoded;
}

bool container_id_valid(std::string_view text) {
    const auto plain = [](char c) { return word(c) || c == '_' || c == '.' || c == '-'; };
    return !text.empty() && text.size() <= 256 && word(text.front()) && std::all_of(text.begin(), text.end(), plain);
}

std::string base64_url(std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = (group << 8) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) text += k <= count ? alphabet[(group >> (18 - 6 * k)) & 63] : '=';
    }
    return text;
}

bool base64_decode(std::string_view text, std::string& into) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    into.clear();
    if (text.size() % 4 == 1) return false;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const int six = sextet(c);
        if (six < 0) return false;
        bits = (bits << 6) | static_cast<std::uint32_t>(six);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        into += static_cast<char>((bits >> held) & 0xff);
    }
    return true;
}

}  // namespace shallop::docker
