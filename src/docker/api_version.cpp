// SPDX-License-Identifier: Apache-2.0
#include "docker/api_version.h"

#include <algorithm>
#include <charconv>

namespace shallop::docker {
namespace {

bool read_number(std::string_view text, int& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc() && end == text.data() + text.size() && into >= 0 && text.size() <= 4;
}

base::Error refused(std::string detail) { return {base::Fault::engine_refused, std::move(detail)}; }

}  // namespace

std::optional<ApiVersion> parse_api_version(std::string_view text) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    ApiVersion version;
    if (!read_number(text.substr(0, dot), version.major)) return std::nullopt;
    if (!read_number(text.substr(dot + 1), version.minor)) return std::nullopt;
    return version;
}

Result<ApiVersion> choose_api_version(const Version& engine) {
    const auto newest = parse_api_version(engine.api_version);
    if (!newest) return refused("the engine does not say which API version it speaks: is this a Docker Engine?");
    // An engine that names no oldest version accepts all older ones.
    const auto oldest = parse_api_version(engine.min_api_version).value_or(ApiVersion{});
    const std::string ours = "Shallop speaks " + oldest_api.text() + " to " + newest_api.text();
    if (*newest < oldest_api) {
        return refused("the engine speaks its API up to " + newest->text() + ", " + ours + ": update the engine");
    }
    if (oldest > newest_api) {
        return refused("the engine accepts its API from " + oldest.text() + " on, " + ours + ": update Shallop");
    }
    return std::min(*newest, newest_api);
}

bool refuses_api_version(int status, std::string_view message) {
    return status == 400 && message.find("client version ") != std::string_view::npos &&
           message.find("API version") != std::string_view::npos;
}

}  // namespace shallop::docker
