// SPDX-License-Identifier: Apache-2.0
#include "function/hints.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <sstream>
#include <string_view>

namespace shallop::function {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// 1 to 65535 in decimal, and nothing else; 0 if it is none.
int parse_port(std::string_view text) {
    int port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && port >= 1 && port <= 65'535 ? port : 0;
}

/// "8080/tcp", or "8080": the engine writes the first, other tools the second.
std::vector<int> tcp_ports(const ImageFacts& image) {
    std::vector<int> ports;
    for (const std::string_view text : image.exposed_ports) {
        const auto slash = std::min(text.find('/'), text.size());
        const auto protocol = text.substr(slash);
        const int port = parse_port(text.substr(0, slash));
        if (port != 0 && (protocol.empty() || protocol == "/tcp")) ports.push_back(port);
    }
    std::sort(ports.begin(), ports.end());
    ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
    return ports;
}

constexpr std::size_t words_looked_at = 64;

/// The words of a script given by `sh -c`, as far as blanks tell them apart.
std::vector<std::string> words_of_script(const std::string& script) {
    std::istringstream stream(script.substr(0, 4096));
    std::vector<std::string> words;
    for (std::string word; words.size() < words_looked_at && stream >> word;) words.push_back(word);
    return words;
}

bool is_assignment(std::string_view word) { return !word.starts_with('/') && word.find('=') != std::string_view::npos; }

/// `words` without what only leads to the program: init programs, shells, `exec`, their options and variables.
std::vector<std::string> without_wrappers(std::span<const std::string> words) {
    constexpr std::array<std::string_view, 8> wrappers{
        "tini",          "dumb-init", "env", "exec", "docker-php-entrypoint", "docker-entrypoint.sh",
        "entrypoint.sh", "catatonit"};
    constexpr std::array<std::string_view, 4> shells{"sh", "bash", "ash", "dash"};
    bool wrapped = false;
    while (!words.empty()) {
        const auto word = base_name(words.front());
        if (is_one_of(word, shells) && words.size() > 2 && words[1] == "-c") {
            const auto inner = words_of_script(words[2]);
            return without_wrappers(inner);
        }
        const bool option = wrapped && (words.front().starts_with('-') || is_assignment(words.front()));
        if (!option && !is_one_of(word, wrappers)) break;
        wrapped = true;
        words = words.subspan(1);
    }
    return {words.begin(), words.end()};
}

ProgramKind kind_by_name(std::string_view name) {
    constexpr std::array<std::string_view, 3> cgi{"php-cgi", "git-http-backend", "cgit.cgi"};
    constexpr std::array<std::string_view, 3> fastcgi{"php-fpm", "fcgiwrap", "spawn-fcgi"};
    constexpr std::array<std::string_view, 14> servers{
        "nginx",    "httpd",   "httpd-foreground", "apache2",   "apache2ctl", "apache2-foreground", "caddy", "lighttpd",
        "gunicorn", "uvicorn", "daphne",           "hypercorn", "puma",       "waitress-serve"};
    if (is_one_of(name, cgi)) return ProgramKind::cgi;
    if (is_one_of(name, fastcgi)) return ProgramKind::fastcgi;
    return is_one_of(name, servers) ? ProgramKind::http : ProgramKind::unknown;
}

/// Debian appends the version: php-cgi8.2, php-fpm8.2.
std::string_view without_version(std::string_view name) {
    const auto end = name.find_last_not_of("0123456789.");
    const bool php = name.starts_with("php-");
    return php && end != std::string_view::npos ? name.substr(0, end + 1) : name;
}

std::string in_words(const std::vector<int>& ports) {
    constexpr std::size_t most = 4;
    std::string text;
    const auto shown = std::min(ports.size(), most);
    for (std::size_t at = 0; at < shown; ++at) {
        const bool last = at + 1 == ports.size();
        text += at == 0 ? "" : last ? " and " : ", ";
        text += std::to_string(ports[at]) + "/tcp";
    }
    return ports.size() > most ? text + " and more" : text;
}

PortHint port_said_by(std::string_view owner, int port) {
    return {port, "the " + std::string(owner) + "'s variable PORT is " + std::to_string(port)};
}

}  // namespace

std::vector<std::string> command_line(const Spec& spec, const ImageFacts& image) {
    auto words = image.entrypoint;
    const auto& arguments = spec.command ? *spec.command : image.cmd;
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

Program find_program(const std::vector<std::string>& command_line) {
    const auto words = without_wrappers(std::span(command_line).first(std::min(command_line.size(), words_looked_at)));
    if (words.empty()) return {};
    const auto name = without_version(base_name(words.front()));
    if (name == "git" && words.size() > 1 && words[1] == "http-backend") return {"git http-backend", ProgramKind::cgi};
    return {std::string(name), kind_by_name(name)};
}

PortHint port_of_variables(const Spec& spec, const ImageFacts& image) {
    constexpr std::string_view variable = "PORT=";
    if (const auto own = spec.env.find("PORT"); own != spec.env.end()) {
        if (const int port = parse_port(own->second); port != 0) return port_said_by("function", port);
    }
    for (const std::string_view entry : image.env) {
        const int port = entry.starts_with(variable) ? parse_port(entry.substr(variable.size())) : 0;
        if (port != 0) return port_said_by("image", port);
    }
    return {};
}

PortHint port_exposed(const ImageFacts& image) {
    const auto ports = tcp_ports(image);
    if (ports.size() == 1) return {ports.front(), "the image exposes " + in_words(ports)};
    for (const int usual : {8080, 80, 3000, 5000, 8000}) {
        if (std::find(ports.begin(), ports.end(), usual) == ports.end()) continue;
        return {usual, "the image exposes " + in_words(ports) + ", of which " + std::to_string(usual) +
                           " is the usual one for HTTP"};
    }
    return {};
}

bool exposes(const ImageFacts& image, int port) {
    const auto ports = tcp_ports(image);
    return std::find(ports.begin(), ports.end(), port) != ports.end();
}

std::string exposed_in_words(const ImageFacts& image) { return in_words(tcp_ports(image)); }

}  // namespace shallop::function
