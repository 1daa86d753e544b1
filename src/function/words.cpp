// SPDX-License-Identifier: Apache-2.0
#include "function/words.h"

#include "function/reader.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace shallop::function {
namespace {

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view digits = "0123456789";
const std::string lower_digits = std::string(lower) + std::string(digits);
const std::string letters_digits = lower_digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const std::string object_name = letters_digits + "_.-";

bool only(std::string_view text, std::string_view allowed) {
    return text.find_first_not_of(allowed) == std::string_view::npos;
}

bool starts_in(std::string_view text, std::string_view allowed) {
    return !text.empty() && allowed.find(text.front()) != std::string_view::npos;
}

bool ends_in(std::string_view text, std::string_view allowed) {
    return !text.empty() && allowed.find(text.back()) != std::string_view::npos;
}

bool dns_label(std::string_view label, std::size_t longest) {
    return label.size() <= longest && only(label, lower_digits + "-") && starts_in(label, lower_digits) &&
           ends_in(label, lower_digits);
}

/// Calls `part` for each piece between separators until one is refused.
template <typename F>
bool every_part(std::string_view text, char separator, F part) {
    while (true) {
        const auto end = text.find(separator);
        if (!part(text.substr(0, end))) return false;
        if (end == std::string_view::npos) return true;
        text.remove_prefix(end + 1);
    }
}

/// A name of the engine's: [a-zA-Z0-9][a-zA-Z0-9_.-]*
bool engine_name(std::string_view name, std::size_t longest) {
    return name.size() <= longest && starts_in(name, letters_digits) && only(name, object_name);
}

bool registry_host(std::string_view host) {
    const auto colon = host.find(':');
    const auto port = colon == std::string_view::npos ? std::string_view("0") : host.substr(colon + 1);
    const auto label = [](std::string_view part) {
        return starts_in(part, letters_digits) && ends_in(part, letters_digits) && only(part, letters_digits + "-");
    };
    return !port.empty() && port.size() <= 5 && only(port, digits) && every_part(host.substr(0, colon), '.', label);
}

/// [a-z0-9]+ joined by one of "." "_" "__" or any number of "-".
bool image_part(std::string_view part) {
    if (!starts_in(part, lower_digits) || !ends_in(part, lower_digits) || !only(part, lower_digits + "._-"))
        return false;
    while (true) {
        const auto from = part.find_first_not_of(lower_digits);
        if (from == std::string_view::npos) return true;
        part.remove_prefix(from);
        const auto joint = part.substr(0, part.find_first_of(lower_digits));
        if (joint != "." && joint != "_" && joint != "__" && !only(joint, "-")) return false;
        part.remove_prefix(joint.size());
    }
}

bool image_digest(std::string_view digest) {
    const auto colon = digest.find(':');
    return colon != std::string_view::npos && colon > 0 && only(digest.substr(0, colon), lower_digits + "+._-") &&
           digest.size() - colon - 1 >= 32 && only(digest.substr(colon + 1), "0123456789abcdef");
}

bool image_reference(std::string_view image) {
    if (const auto at = image.find('@'); at != std::string_view::npos) {
        if (!image_digest(image.substr(at + 1))) return false;
        image = image.substr(0, at);
    }
    const auto colon = image.rfind(':');
    const auto slash = image.rfind('/');
    if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
        const auto tag = image.substr(colon + 1);
        if (tag.empty() || tag.size() > 128 || !only(tag, object_name) || tag.front() == '.' || tag.front() == '-')
            return false;
        image = image.substr(0, colon);
    }
    const auto first = image.substr(0, image.find('/'));
    const bool has_host =
        first.size() < image.size() &&
        (first == "localhost" || first.find_first_of(".:ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos);
    if (has_host) {
        if (!registry_host(first)) return false;
        image.remove_prefix(first.size() + 1);
    }
    return every_part(image, '/', image_part);
}

bool user_part(std::string_view part) {
    if (part.empty() || part.size() > 32) return false;
    if (!only(part, digits)) return starts_in(part, letters_digits + "_") && only(part, object_name);
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), id);
    return error == std::errc{} && id <= 2147483647;  // the engine's own bound
}

bool same_or_below(std::string_view path, std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace

std::string check_name(std::string_view name, std::size_t longest) {
    if (dns_label(name, longest)) return {};
    return "a function's name has 1 to " + std::to_string(longest) +
           " characters of a-z, 0-9 and '-', and neither starts nor ends with '-'; " + in_quotes(name) + " does not";
}

std::string check_secret_name(std::string_view name) {
    if (name.size() <= 63 && starts_in(name, letters_digits) && only(name, object_name)) return {};
    return in_quotes(name) +
           " is no name of a secret: give 1 to 63 letters, digits and \"_.-\", with a letter or a digit first";
}

std::string check_gpu(std::string_view id) {
    const bool index = starts_in(id, digits) && only(id, std::string(digits) + ":");
    const bool uuid = (id.starts_with("GPU-") || id.starts_with("MIG-")) && only(id, object_name + "/:");
    if (id.size() <= 128 && (index || uuid)) return {};
    return in_quotes(id) + " is no GPU: give its index, or its id as nvidia-smi -L lists it, such as \"GPU-1a2b…\"";
}

std::string check_image(std::string_view image) {
    if (image.size() <= 512 && image_reference(image)) return {};
    return in_quotes(image) +
           " is not an image reference: write it as for docker pull, such as \"alpine:3.20\" or "
           "\"registry.example.org:5000/team/resize:1\"";
}

std::string check_user(std::string_view user) {
    const auto colon = user.find(':');
    const bool group_fine = colon == std::string_view::npos || user_part(user.substr(colon + 1));
    if (user_part(user.substr(0, colon)) && group_fine) return {};
    return in_quotes(user) +
           " is not a user: give \"uid\", \"uid:gid\", a name of the image's, or null for the image's own";
}

std::string check_network(std::string_view network) {
    if (network == "host" || network == "default" || network.starts_with("container:")) {
        return "a function may not use the network mode " + in_quotes(network) +
               ": give \"none\", \"bridge\", or the name of a network made with docker network create";
    }
    if (engine_name(network, 128)) return {};
    return in_quotes(network) + " is not a network's name: give \"none\", or the name of an existing Docker network";
}

std::string check_runtime(std::string_view runtime) {
    if (engine_name(runtime, 128)) return {};
    return in_quotes(runtime) +
           " is not a runtime's name: give one that docker info lists, or null for the engine's default";
}

std::string check_volume(std::string_view volume) {
    if (volume.size() >= 2 && engine_name(volume, 128)) return {};
    return in_quotes(volume) +
           " is not a volume's name: give one of letters, digits and \"_.-\"; for a host path say "
           "\"type\": \"bind\"";
}

std::string check_host(std::string_view host) {
    auto rest = host;
    if (rest.starts_with("*.")) rest.remove_prefix(2);
    const auto label = [](std::string_view part) { return dns_label(part, 63); };
    if (host.size() <= 253 && every_part(rest, '.', label)) return {};
    return in_quotes(host) +
           " is not a host: give lower-case labels without a port, such as \"api.example.org\" or "
           "\"*.example.org\", or null for every host";
}

std::string check_method(std::string_view method) {
    if (method == "CONNECT") return "CONNECT cannot lead to a function: take it out";
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    if (!method.empty() && method.size() <= 32 && only(method, allowed)) return {};
    return in_quotes(method) + " is not a method: give an upper-case name such as \"GET\"";
}

std::string check_route_path(std::string_view path) {
    if (path.empty() || path.front() != '/') return "a route's path starts with '/', such as \"/resize/{id}\"";
    if (path.size() > 1024) return "a route's path has at most 1024 characters";
    const auto odd = [](char c) { return c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '\\'; };
    if (std::none_of(path.begin(), path.end(), odd)) return {};
    return "a route's path has neither spaces, '?', '#', '\\' nor characters outside ASCII: percent-encode them";
}

std::string check_request_path(std::string_view path) {
    const auto odd = [](char c) { return c <= ' ' || c >= 0x7f || c == '#'; };
    if (path.starts_with('/') && path.size() <= 1024 && std::none_of(path.begin(), path.end(), odd)) return {};
    return in_quotes(path) +
           " is not a path to ask for: write it like \"/healthz\", at most 1024 characters without spaces and '#', "
           "what is not ASCII percent-encoded";
}

std::string check_variable(std::string_view name) {
    if (name.starts_with("SHALLOP_")) return "variables that start with SHALLOP_ are the platform's: use another name";
    if (!name.empty() && name.size() <= 256 && only(name, letters_digits + "_") && !starts_in(name, digits)) return {};
    return in_quotes(name) + " is not a variable's name: use letters, digits and '_', no digit first";
}

std::string check_path(std::string_view path) {
    const auto part = [](std::string_view p) { return !p.empty() && p != "." && p != ".."; };
    if (path.size() > 1 && path.size() <= 1024 && path.front() == '/' && every_part(path.substr(1), '/', part))
        return {};
    return in_quotes(path) +
           " is not a plain absolute path: write it like \"/srv/data\", without \"..\", \"//\" or a '/' at the end";
}

std::string check_file(std::string_view path) {
    if (!path.starts_with('/') && check_path("/" + std::string(path)).empty()) return {};
    return in_quotes(path) + " is not a plain relative path: write it like \"public/index.php\"";
}

std::string check_mount_target(std::string_view path) {
    if (auto complaint = check_path(path); !complaint.empty()) return complaint;
    if (path == "/tmp") return "/tmp is a tmpfs already: give its size as limits.tmp";
    for (const std::string_view taken : {"/.shallop", "/proc", "/sys", "/dev"}) {
        if (same_or_below(path, taken))
            return std::string(taken) + " is not a function's to mount over: choose another target";
    }
    return {};
}

std::string check_bind_source(std::string_view path) {
    if (auto complaint = check_path(path); !complaint.empty()) return complaint;
    const auto part = [](std::string_view p) {
        constexpr std::array<std::string_view, 5> sockets{"docker.sock", "containerd.sock", "podman.sock", "crio.sock",
                                                          "buildkitd.sock"};
        return std::find(sockets.begin(), sockets.end(), p) == sockets.end();
    };
    if (every_part(path.substr(1), '/', part)) return {};
    return "an engine's socket is never mounted into a function: it is the same as root on the host";
}

}  // namespace shallop::function
