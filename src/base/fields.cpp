// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fields.h>

#include <algorithm>

namespace shallop::base {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    return std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return x == y || lower(x) == lower(y); });
}

const std::string* find_field(const Fields& fields, std::string_view name) {
    const auto at = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return same_name(f.name, name); });
    return at == fields.end() ? nullptr : &at->value;
}

}  // namespace shallop::base
