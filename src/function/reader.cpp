// SPDX-License-Identifier: Apache-2.0
#include "function/reader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace shallop::function {
namespace {

using base::Bytes;
using base::Duration;
using base::Error;
using base::Fault;

constexpr double exact = 9007199254740992.0;  // 2^53: above it a double is no longer every integer

std::string join(const std::vector<std::string_view>& words) {
    std::string list;
    for (const auto word : words) list.append(list.empty() ? "" : ", ").append(word);
    return list;
}

/// A whole number, however JSON spells it (6, 6.0, 6e0).
std::optional<std::int64_t> whole(const Json& value) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(exact))
        return std::nullopt;
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (!value.is_number_float()) return std::nullopt;
    const auto number = value.get<double>();
    if (std::trunc(number) != number || std::abs(number) > exact) return std::nullopt;
    return static_cast<std::int64_t>(number);
}

base::Result<Duration> read_duration(const Json& value) {
    if (value.is_string()) return base::parse_duration(value.get_ref<const std::string&>());
    constexpr double longest = 365 * 86400.0;
    if (!value.is_number() || value.get<double>() < 0 || value.get<double>() > longest) {
        return Error(Fault::invalid, "give a duration such as \"30s\", or a number of seconds");
    }
    return Duration(static_cast<Duration::rep>(std::llround(value.get<double>() * 1e3)) * 1'000'000);
}

std::string shown(double number) { return Json(number).dump(); }

}  // namespace

std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 60;
    const auto cut = text.substr(0, longest);
    // A cut may fall inside a character: what is left of it is replaced, so that the message stays UTF-8.
    auto spelled = Json(cut).dump(-1, ' ', false, Json::error_handler_t::ignore);
    spelled.front() = spelled.back() = '\'';
    return text.size() > longest ? spelled + "…" : spelled;
}

base::Result<Bytes> read_bytes(const Json& value) {
    if (value.is_string()) return base::parse_bytes(value.get_ref<const std::string&>());
    const auto number = whole(value);
    if (!number || *number < 0) return Error(Fault::invalid, "give a size such as \"256Mi\", or a number of bytes");
    return static_cast<Bytes>(*number);
}

Object::Object(const Json& value, std::string pointer, Problems& problems)
    : value_(&value), pointer_(std::move(pointer)), problems_(problems) {
    if (value.is_object()) return;
    problems_.add(pointer_, "give a JSON object here, not " + std::string(value.type_name()));
    static const Json nothing = Json::object();
    value_ = &nothing;
}

const Json* Object::find(std::string_view name) {
    known_.push_back(name);
    const auto at = value_->find(name);
    return at == value_->end() ? nullptr : &*at;
}

const Json* Object::find_set(std::string_view name) {
    const auto* const value = find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

void Object::problem(std::string_view name, std::string detail) { problems_.add(pointer(name), std::move(detail)); }

void Object::text(std::string_view name, std::string& into) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return problem(name, "give a text here, or leave it out");
    into = value->get_ref<const std::string&>();
}

void Object::text_or_null(std::string_view name, std::string& into) {
    const auto* const value = find_set(name);
    if (value == nullptr) return;
    if (!value->is_string()) return problem(name, "give a text or null here");
    into = value->get_ref<const std::string&>();
}

void Object::boolean(std::string_view name, bool& into) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return problem(name, "give true or false here");
    into = value->get<bool>();
}

void Object::integer(std::string_view name, int& into, int least, int most) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    const auto number = whole(*value);
    if (!number || *number < least || *number > most) {
        return problem(name, "give a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    into = static_cast<int>(*number);
}

void Object::number(std::string_view name, double& into, double least, double most) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->is_number() || value->get<double>() < least || value->get<double>() > most) {
        return problem(name, "give a number from " + shown(least) + " to " + shown(most));
    }
    into = value->get<double>();
}

void Object::bytes(std::string_view name, Bytes& into, Bytes least, Bytes most) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    const auto size = read_bytes(*value);
    if (!size) return problem(name, size.error().detail);
    if (*size < least || *size > most) {
        return problem(name, "give a size from " + base::format_bytes(least) + " to " + base::format_bytes(most));
    }
    into = *size;
}

void Object::duration(std::string_view name, Duration& into, Duration least, Duration most) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    const auto time = read_duration(*value);
    if (!time) return problem(name, time.error().detail);
    const auto kept = std::chrono::floor<std::chrono::milliseconds>(*time);
    if (kept < least || kept > most) {
        return problem(name,
                       "give a duration from " + base::format_duration(least) + " to " + base::format_duration(most));
    }
    into = kept;
}

std::optional<std::size_t> Object::word(std::string_view name, const std::vector<std::string_view>& words) {
    const auto* const value = find(name);
    if (value == nullptr) return std::nullopt;
    const auto at =
        value->is_string() ? std::find(words.begin(), words.end(), value->get_ref<const std::string&>()) : words.end();
    if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
    problem(name, "give one of these words: " + join(words));
    return std::nullopt;
}

std::vector<const Json*> Object::array(std::string_view name, std::size_t most) {
    const auto* const value = find_set(name);
    std::vector<const Json*> elements;
    if (value == nullptr) return elements;
    if (!value->is_array()) {
        problem(name, "give an array here, or leave it out");
    } else if (value->size() > most) {
        problem(name, "give at most " + std::to_string(most) + " elements, not " + std::to_string(value->size()));
    } else {
        for (const auto& element : *value) elements.push_back(&element);
    }
    return elements;
}

std::vector<std::string> Object::texts(std::string_view name, std::size_t most) {
    std::vector<std::string> all;
    for (const auto* const element : array(name, most)) {
        if (!element->is_string()) {
            problems_.add(append_pointer(pointer(name), all.size()), "give a text here");
            return {};
        }
        all.push_back(element->get_ref<const std::string&>());
    }
    return all;
}

void Object::finish() {
    for (const auto& [name, value] : value_->items()) {
        if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
        return problem(name,
                       "there is no member " + in_quotes(name) + " here; take it out, or use one of: " + join(known_));
    }
}

}  // namespace shallop::function
