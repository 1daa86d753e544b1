// SPDX-License-Identifier: Apache-2.0
#include "api/routing.h"

#include <shallop/base/fields.h>

#include <algorithm>
#include <array>

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t longest_location = 8 * 1024;

/// The segment that starts at `from` (after its slash), and where the next slash is.
std::string_view segment_at(std::string_view path, std::size_t from, std::size_t& end) {
    end = std::min(path.find('/', from), path.size());
    return path.substr(from, end - from);
}

bool has_dot_segment(std::string_view decoded) {
    for (std::size_t from = 1, end = 0; from <= decoded.size(); from = end + 1) {
        const auto segment = segment_at(decoded, from, end);
        if (segment == "." || segment == "..") return true;
    }
    return false;
}

constexpr std::array<std::string_view, 2> by_name_segments{"function", "async-function"};

/// `path` is /function/NAME[/rest] in some spelling; `decoded` is the same decoded, so the slashes of both correspond.
base::Result<Destination> by_name(const registry::Catalog& catalog, std::string_view path, std::string_view decoded) {
    if (has_dot_segment(decoded)) return Error(Fault::invalid, "the path has '.' or '..' segments; send it resolved");
    std::size_t name_end = 0;
    std::size_t first_end = 0;
    const auto first = segment_at(decoded, 1, first_end);
    const auto name =
        decoded.size() > first_end + 1 ? segment_at(decoded, first_end + 1, name_end) : std::string_view();
    Destination found;
    found.later = first == by_name_segments[1];
    found.function = catalog.find(name);
    if (!found.function) return Error(Fault::not_found, "no such function here; the path is /function/NAME");
    const auto name_at = path.find('/', 1) + 1;
    const auto rest_at = std::min(path.find('/', name_at), path.size());
    found.script_name = path.substr(0, rest_at);
    found.path_info = path.substr(rest_at);
    found.by_name = true;
    return found;
}

bool begins_with(std::string_view field, std::string_view reserved) {
    const auto same = [](char given, char ours) { return given == ours || (given == '_' && ours == '-'); };
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return field.size() >= reserved.size() &&
           std::equal(reserved.begin(), reserved.end(), field.begin(),
                      [&](char ours, char given) { return same(lower(given), ours); });
}

/// Fields that say what only we know. A twin with underscores would be the same variable to a program.
bool is_ours(std::string_view field) {
    return begins_with(field, "x-shallop-") || begins_with(field, "shallop-schedule");
}

bool describes_body(std::string_view field) {
    constexpr std::array<std::string_view, 6> names{"content-length",   "content-type",      "content-encoding",
                                                    "content-language", "transfer-encoding", "expect"};
    return std::any_of(names.begin(), names.end(), [&](auto name) { return base::same_name(field, name); });
}

}  // namespace

bool is_function_path(std::string_view decoded) {
    if (!decoded.starts_with('/')) return false;
    std::size_t end = 0;
    const auto first = segment_at(decoded, 1, end);
    return std::find(by_name_segments.begin(), by_name_segments.end(), first) != by_name_segments.end();
}

bool prefers_async(const base::Fields& fields) {
    for (const auto& field : fields) {
        if (!base::same_name(field.name, "Prefer")) continue;
        std::string_view left = field.value;
        while (!left.empty()) {
            const auto end = std::min(left.find(','), left.size());
            auto word = left.substr(0, std::min(left.find(';'), end));
            while (word.starts_with(' ') || word.starts_with('\t')) word.remove_prefix(1);
            while (word.ends_with(' ') || word.ends_with('\t')) word.remove_suffix(1);
            if (base::same_name(word, "respond-async")) return true;
            left.remove_prefix(std::min(end + 1, left.size()));
        }
    }
    return false;
}

base::Result<Destination> find_destination(const registry::Catalog& catalog, Scope scope, const http::Request& request,
                                           std::string& allow) {
    const bool plain = request.path.find('%') == request.path.npos;
    const auto decoded = plain ? base::Result<std::string>(std::string()) : http::decode_path(request.path);
    if (!decoded) return decoded.error();
    const std::string_view path = plain ? request.path : *decoded;
    if (is_function_path(path)) return by_name(catalog, request.path, path);
    if (scope == Scope::function_paths)
        return Error(Fault::not_found, "no such function here; the path is /function/NAME");
    auto match = catalog.routes.find(request.host, request.method, request.path, allow);
    if (!match) return match.error();
    Destination found;
    found.function = catalog.find(match->owner);
    if (!found.function) return Error(Fault::not_found, "no function has a route for this path");
    found.route = match->index;
    found.script_name = std::move(match->prefix);
    found.path_info = std::move(match->rest);
    found.parameters = std::move(match->parameters);
    return found;
}

void make_event(function::Event& event, http::Request& request, Destination&& destination, const std::string& function,
                bool keep_authorization) {
    event.function = function;
    event.method.swap(request.method);
    event.target.swap(request.target);
    event.script_name = std::move(destination.script_name);
    event.path_info = std::move(destination.path_info);
    event.by_name = destination.by_name;
    event.query.swap(request.query);
    event.protocol = request.version == 10 ? "HTTP/1.0" : "HTTP/1.1";
    event.scheme = request.tls ? "https" : "http";
    event.server_name.swap(request.host);
    if (event.server_name.empty()) event.server_name = "localhost";
    event.server_port = request.local_port != 0 ? request.local_port : std::uint16_t{80};
    event.remote_addr.swap(request.remote_addr);
    event.remote_port = request.remote_port;
    event.parameters = std::move(destination.parameters);
    event.content_length = request.content_length;
    event.chunked = request.chunked;
    event.fields.swap(request.fields);
    std::erase_if(event.fields, [&](const auto& field) {
        return is_ours(field.name) || (!keep_authorization && base::same_name(field.name, "authorization"));
    });
}

base::Result<http::Request> redirected(const http::Request& request, const std::string& location) {
    const auto legal = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
    if (!location.starts_with('/') || location.size() > longest_location ||
        !std::all_of(location.begin(), location.end(), legal)) {
        return Error(Fault::function_failed,
                     "the function asked for a redirect to something that is no path of this server");
    }
    auto next = request;
    const auto mark = std::min(location.find('?'), location.size());
    next.method = "GET";
    next.target = location;
    next.path = location.substr(0, mark);
    next.query = mark < location.size() ? location.substr(mark + 1) : "";
    next.content_length.reset();
    next.chunked = false;
    std::erase_if(next.fields, [](const auto& field) { return describes_body(field.name); });
    return next;
}

}  // namespace shallop::api
