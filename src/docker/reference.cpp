// SPDX-License-Identifier: Apache-2.0
#include <shallop/docker/reference.h>

#include <algorithm>

namespace shallop::docker {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;
constexpr std::string_view hub = "docker.io";

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f'); }
bool alnum(char c) { return lower(c) || digit(c); }

template <typename Claim>
bool all(std::string_view text, Claim claim) {
    return !text.empty() && std::all_of(text.begin(), text.end(), claim);
}

/// [a-z0-9]+ parted by ".", "_", "__" or any number of "-".
bool path_component(std::string_view part) {
    if (part.empty() || !alnum(part.front()) || !alnum(part.back())) return false;
    for (std::size_t i = 0; i < part.size();) {
        if (alnum(part[i])) {
            ++i;
            continue;
        }
        const auto end = std::find_if(part.begin() + static_cast<std::ptrdiff_t>(i), part.end(), alnum) - part.begin();
        const auto parting = part.substr(i, static_cast<std::size_t>(end) - i);
        const bool dashes = all(parting, [](char c) { return c == '-'; });
        if (!dashes && parting != "." && parting != "_" && parting != "__") return false;
        i = static_cast<std::size_t>(end);
    }
    return true;
}

bool path_valid(std::string_view path) {
    for (;;) {
        const auto slash = path.find('/');
        if (!path_component(path.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
}

bool host_valid(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        return all(host.substr(1, host.size() - 2),
                   [](char c) { return hex(c) || (c >= 'A' && c <= 'F') || c == ':'; });
    }
    for (;;) {
        const auto dot = host.find('.');
        const auto label = host.substr(0, dot);
        if (!all(label, [](char c) { return alnum(c) || upper(c) || c == '-'; })) return false;
        if (label.front() == '-' || label.back() == '-') return false;
        if (dot == std::string_view::npos) return true;
        host.remove_prefix(dot + 1);
    }
}

bool domain_valid(std::string_view domain) {
    const auto colon = domain.rfind(':');
    if (colon == std::string_view::npos || domain.back() == ']') return host_valid(domain);
    return colon + 6 >= domain.size() && all(domain.substr(colon + 1), digit) && host_valid(domain.substr(0, colon));
}

bool tag_valid(std::string_view tag) {
    return tag.size() <= longest_tag &&
           all(tag, [](char c) { return alnum(c) || upper(c) || c == '_' || c == '.' || c == '-'; }) &&
           tag.front() != '.' && tag.front() != '-';
}

bool digest_valid(std::string_view digest) {
    const auto colon = digest.find(':');
    if (colon == std::string_view::npos) return false;
    const auto kind = digest.substr(0, colon);
    const auto value = digest.substr(colon + 1);
    const std::size_t length = kind == "sha256" ? 64 : kind == "sha384" ? 96 : kind == "sha512" ? 128 : 0;
    return length != 0 && value.size() == length && all(value, hex);
}

/// Whether the part before the first slash is a registry and not part of a Docker Hub path.
bool names_registry(std::string_view part) {
    return part == "localhost" || part.find_first_of(".:") != std::string_view::npos ||
           std::any_of(part.begin(), part.end(), upper);
}

base::Error invalid(std::string_view text, const char* why) {
    std::string shown;
    for (const char c : text.substr(0, 100)) shown += c > ' ' && c < 0x7f && c != '"' ? c : '?';
    return {base::Fault::invalid, "\"" + shown + "\" is no image reference: " + why};
}

void split_name(std::string_view name, Reference& into) {
    const auto slash = name.find('/');
    if (slash != std::string_view::npos && names_registry(name.substr(0, slash))) {
        into.domain = name.substr(0, slash);
        into.path = name.substr(slash + 1);
    } else {
        into.domain = hub;
        into.path = name;
    }
    if (into.domain == "index.docker.io") into.domain = hub;
    if (into.domain == hub && into.path.find('/') == std::string::npos) into.path = "library/" + into.path;
}

}  // namespace

std::string Reference::familiar_name() const {
    if (domain != hub) return domain + "/" + path;
    constexpr std::string_view official = "library/";
    const bool single = path.starts_with(official) && path.find('/', official.size()) == std::string::npos;
    return single ? path.substr(official.size()) : path;
}

std::string Reference::familiar() const {
    std::string text = familiar_name();
    if (!tag.empty()) text += ":" + tag;
    if (!digest.empty()) text += "@" + digest;
    return text;
}

base::Result<Reference> parse_reference(std::string_view text) {
    const std::string_view whole = text;
    Reference reference;
    if (text.empty()) return invalid(whole, "it is empty");
    if (text.size() > longest_name + longest_tag + 160) return invalid(whole, "it is too long");
    if (all(text, hex) && text.size() == 64) return invalid(whole, "it is an image id");
    if (const auto at = text.find('@'); at != std::string_view::npos) {
        if (!digest_valid(text.substr(at + 1)))
            return invalid(whole, "the digest is not sha256: and 64 hexadecimal digits");
        reference.digest = text.substr(at + 1);
        text = text.substr(0, at);
    }
    const auto slash = text.rfind('/');
    const auto colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
    if (colon != std::string_view::npos) {
        if (!tag_valid(text.substr(colon + 1)))
            return invalid(whole, "the tag has a character that is not allowed, or is too long");
        reference.tag = text.substr(colon + 1);
        text = text.substr(0, colon);
    }
    split_name(text, reference);
    if (!domain_valid(reference.domain)) return invalid(whole, "the registry is not a host name with, perhaps, a port");
    if (!path_valid(reference.path))
        return invalid(whole, "the name may have lower-case letters, digits and the separators . _ - /");
    if (reference.domain.size() + 1 + reference.path.size() > longest_name)
        return invalid(whole, "the name is too long");
    if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
    return reference;
}

bool is_image_id(std::string_view text) {
    constexpr std::string_view prefix = "sha256:";
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    return text.size() == 64 && all(text, hex);
}

}  // namespace shallop::docker
