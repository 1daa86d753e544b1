// SPDX-License-Identifier: Apache-2.0
#include "docker/codec_json.h"

#include <cmath>
#include <limits>

namespace shallop::docker::json {
namespace {

constexpr int deepest = 64;

/// Whether brackets nest deeper than `deepest`: seen before the parser spends memory on it.
bool too_deep(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\') ++i;
            if (c == '"') quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

}  // namespace

std::optional<Json> parse(std::string_view text) {
    if (too_deep(text)) return std::nullopt;
    auto value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) return std::nullopt;
    return value;
}

const Json& at(const Json& from, std::string_view key) {
    static const Json none;
    if (!from.is_object()) return none;
    const auto found = from.find(key);
    return found == from.end() ? none : *found;
}

std::string text(const Json& from, std::string_view key) {
    const Json& value = at(from, key);
    return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t integer(const Json& from, std::string_view key) {
    const Json& value = at(from, key);
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        return number > static_cast<std::uint64_t>(most) ? most : static_cast<std::int64_t>(number);
    }
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (value.is_number_float()) {
        const auto number = value.get<double>();
        if (std::isfinite(number) && std::fabs(number) < 9e18) return static_cast<std::int64_t>(number);
    }
    return 0;
}

bool flag(const Json& from, std::string_view key) {
    const Json& value = at(from, key);
    return value.is_boolean() && value.get<bool>();
}

std::vector<std::string> texts(const Json& from, std::string_view key) {
    const Json& value = at(from, key);
    std::vector<std::string> all;
    if (value.is_string()) all.push_back(value.get<std::string>());
    if (!value.is_array()) return all;
    for (const auto& item : value) {
        if (item.is_string()) all.push_back(item.get<std::string>());
    }
    return all;
}

std::map<std::string, std::string> text_map(const Json& from, std::string_view key) {
    const Json& value = at(from, key);
    std::map<std::string, std::string> all;
    if (!value.is_object()) return all;
    for (const auto& [name, item] : value.items()) {
        if (item.is_string()) all.emplace(name, item.get<std::string>());
    }
    return all;
}

std::vector<std::string> names(const Json& from, std::string_view key) {
    const Json& value = at(from, key);
    std::vector<std::string> all;
    if (!value.is_object()) return all;
    for (const auto& item : value.items()) all.push_back(item.key());
    return all;
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace shallop::docker::json
