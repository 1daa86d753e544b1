// SPDX-License-Identifier: Apache-2.0
#include "function/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace shallop::function {
namespace {

using base::Error;
using base::Fault;

/// Builds the document from the parser's events, and stops it at the first that breaks a rule. The stack is ours, not the machine's.
class Builder final : public nlohmann::json_sax<Json> {
public:
    Builder(std::string_view text, std::size_t depth) : text_(text), depth_(depth) {}

    bool null() override { return add(nullptr) != nullptr; }
    bool boolean(bool value) override { return add(value) != nullptr; }
    bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
    bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
    bool number_float(number_float_t value, const string_t&) override { return add(value) != nullptr; }
    bool string(string_t& value) override {
        if (value.find('\0') != string_t::npos) return fail("a text may not hold the character U+0000: take it out");
        return add(std::move(value)) != nullptr;
    }
    bool binary(binary_t&) override { return fail("JSON has no binary values"); }

    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t& name) override {
        key_ = name;
        if (name.find('\0') != string_t::npos) return fail("a member's name may not hold U+0000: take it out");
        if (open_.back().value->contains(name)) return fail("this member is there twice: keep one of them");
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& why) override {
        const auto before = text_.substr(0, std::min(position > 0 ? position - 1 : 0, text_.size()));
        const auto line = std::count(before.begin(), before.end(), '\n') + 1;
        const auto start = before.rfind('\n');
        const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
        const bool range = std::string_view(why.what()).find("out_of_range") != std::string_view::npos;
        error_.emplace(Fault::invalid,
                       std::string(range ? "a number is out of range" : "the document is not valid JSON") +
                           " at line " + std::to_string(line) + ", column " + std::to_string(column) +
                           ": correct it there");
        return false;
    }

    base::Result<Json> take() {
        if (error_) return std::move(*error_);
        return std::move(root_);
    }

private:
    struct Level {
        Json* value;
        std::string key;  ///< of the member being read, in an object
    };

    Json* add(Json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        auto& level = open_.back();
        if (level.value->is_array()) {
            level.value->push_back(std::move(value));
            return &level.value->back();
        }
        level.key = key_;
        return &((*level.value)[key_] = std::move(value));
    }

    bool open(Json container) {
        if (open_.size() >= depth_) {
            return fail("the document is nested deeper than " + std::to_string(depth_) + " levels: flatten it");
        }
        auto* const value = add(std::move(container));
        open_.push_back({value, {}});
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    bool fail(std::string detail) {
        std::string pointer;
        for (std::size_t at = 0; at < open_.size(); ++at) {
            const auto& level = open_[at];
            const bool last = at + 1 == open_.size();
            if (level.value->is_array()) {
                pointer = append_pointer(pointer, level.value->size() - (last ? 0 : 1));
            } else {
                pointer = append_pointer(pointer, last ? key_ : level.key);
            }
        }
        error_.emplace(Fault::invalid, std::move(detail), std::move(pointer));
        return false;
    }

    std::string_view text_;
    std::size_t depth_;
    Json root_;
    std::vector<Level> open_;  ///< a pointer into an array is safe: an array does not grow while a value in it is open
    std::string key_;
    std::optional<Error> error_;
};

}  // namespace

base::Result<Json> parse_strict(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.bytes) {
        return Error(Fault::too_large, "the document has " + std::to_string(text.size()) + " bytes; at most " +
                                           std::to_string(limits.bytes) + " are read");
    }
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return Error(Fault::invalid, "the document is empty: send a JSON object");
    }
    Builder builder(text, limits.depth);
    Json::sax_parse(text.begin(), text.end(), &builder);
    return builder.take();
}

std::string append_pointer(std::string_view pointer, std::string_view token) {
    std::string longer(pointer);
    longer += '/';
    for (const char c : token) {
        if (c == '~') {
            longer += "~0";
        } else if (c == '/') {
            longer += "~1";
        } else {
            longer += c;
        }
    }
    return longer;
}

std::string append_pointer(std::string_view pointer, std::size_t index) {
    return append_pointer(pointer, std::to_string(index));
}

}  // namespace shallop::function
