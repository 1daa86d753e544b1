// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Reads JSON whose types nobody promises: what is absent, null or of another type reads as empty.
namespace shallop::docker::json {

using Json = nlohmann::json;

/// nullopt where `text` is not one JSON document, or is nested deeper than 64.
std::optional<Json> parse(std::string_view text);

/// The member `key`, or a null where `from` is no object or has none.
const Json& at(const Json& from, std::string_view key);

std::string text(const Json& from, std::string_view key);
std::int64_t integer(const Json& from, std::string_view key);
bool flag(const Json& from, std::string_view key);

/// An array of strings; one string alone counts as one (an old image's Entrypoint); members of other types are left out.
std::vector<std::string> texts(const Json& from, std::string_view key);
std::map<std::string, std::string> text_map(const Json& from, std::string_view key);

/// The names in an object such as {"80/tcp": {}}.
std::vector<std::string> names(const Json& from, std::string_view key);

/// `value` as JSON; bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string dump(const Json& value);

}  // namespace shallop::docker::json
