// SPDX-License-Identifier: Apache-2.0
#include "cli/suggest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace shallop::cli {
namespace {

constexpr std::size_t longest = 40;

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

}  // namespace

std::string nearest(std::string_view typed, std::span<const std::string> words) {
    std::string best;
    auto least = std::max<std::size_t>(2, typed.size() / 3) + 1;
    for (const auto& word : words) {
        const bool begins = typed.size() >= 2 && word.starts_with(typed);
        const auto edits = begins ? 0 : distance(typed.substr(0, longest), word);
        if (edits < least) {
            least = edits;
            best = word;
        }
    }
    return best;
}

}  // namespace shallop::cli
