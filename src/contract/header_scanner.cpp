// SPDX-License-Identifier: Apache-2.0
#include "contract/header_scanner.h"

#include "contract/field_rules.h"

#include <algorithm>

namespace shallop::contract {
namespace {

constexpr std::size_t max_name = 256;

bool is_media_type(std::string_view value) {
    const auto slash = value.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == value.size()) return false;
    const auto before = value.substr(0, slash);
    return std::all_of(before.begin(), before.end(), is_token_char) && is_token_char(value[slash + 1]);
}

bool is_status(std::string_view value) {
    return value.size() >= 3 && is_digit(value[0]) && is_digit(value[1]) && is_digit(value[2]) &&
           (value.size() == 3 || value[3] == ' ');
}

bool is_location(std::string_view value) {
    return value.starts_with('/') || value.find("://") != std::string_view::npos;
}

}  // namespace

HeaderScanner::State HeaderScanner::scan(std::string_view bytes) {
    while (state_ == State::open && at_ < bytes.size()) {
        if (colon_ == 0) {
            scan_name(bytes);
            continue;
        }
        const auto newline = bytes.find('\n', at_);
        at_ = std::min(newline, bytes.size());
        if (newline != std::string_view::npos) end_line(bytes, newline);
    }
    return state_;
}

/// Looks at one byte before the colon.
HeaderScanner::State HeaderScanner::scan_name(std::string_view bytes) {
    const char c = bytes[at_];
    const std::size_t length = at_ - line_;
    if (c == '\n' && (length == 0 || (length == 1 && bytes[line_] == '\r'))) {
        line_ = ++at_;
        return state_ = State::complete;
    }
    if (c == '\n') return fail("a line of the header has no colon");
    if (length > 0 && bytes[line_] == '\r') return fail("a CR in the header is not the end of a line");
    if (c == ':' && length > 0) {
        colon_ = at_++;
        return state_;
    }
    if (length == 0 && (c == ' ' || c == '\t')) return fail("a line of the header is folded");
    if (!is_token_char(c) && !(c == '\r' && length == 0)) return fail("a line of the header has no field name");
    if (length == max_name) return fail("a field name is too long");
    ++at_;
    return state_;
}

HeaderScanner::State HeaderScanner::end_line(std::string_view bytes, std::size_t end) {
    const auto name = bytes.substr(line_, colon_ - line_);
    auto value = bytes.substr(colon_ + 1, end - colon_ - 1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    value = trim(value);
    if (std::any_of(value.begin(), value.end(), is_control)) {
        return fail("the value of " + std::string(name) + " has a control character");
    }
    if (fields_.size() == max_fields_)
        return fail("the header has more than " + std::to_string(max_fields_) + " fields");
    fields_.push_back(base::Field{std::string(name), std::string(value)});
    note(fields_.back());
    line_ = at_ = end + 1;
    colon_ = 0;
    return state_;
}

void HeaderScanner::note(const base::Field& field) {
    const bool type = base::same_name(field.name, "Content-Type");
    const bool status = base::same_name(field.name, "Status");
    const bool location = base::same_name(field.name, "Location");
    has_cgi_field_ = has_cgi_field_ || type || status || location;
    surely_cgi_ = surely_cgi_ || (type && is_media_type(field.value)) || (status && is_status(field.value)) ||
                  (location && is_location(field.value));
}

HeaderScanner::State HeaderScanner::fail(std::string why) {
    why_ = std::move(why);
    return state_ = State::malformed;
}

}  // namespace shallop::contract
