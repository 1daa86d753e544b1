// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/units.h>

#include <array>
#include <charconv>
#include <cmath>

namespace shallop::base {
namespace {

template <typename Unit>
struct Suffix {
    std::string_view text;
    Unit size;
};

constexpr std::array<Suffix<Bytes>, 14> byte_suffixes{{{"", 1},
                                                       {"B", 1},
                                                       {"Ki", 1ULL << 10},
                                                       {"Mi", 1ULL << 20},
                                                       {"Gi", 1ULL << 30},
                                                       {"Ti", 1ULL << 40},
                                                       {"k", 1'000},
                                                       {"K", 1'000},
                                                       {"M", 1'000'000},
                                                       {"G", 1'000'000'000},
                                                       {"T", 1'000'000'000'000},
                                                       {"KiB", 1ULL << 10},
                                                       {"MiB", 1ULL << 20},
                                                       {"GiB", 1ULL << 30}}};
constexpr std::array<Suffix<double>, 6> time_suffixes{
    {{"ns", 1e0}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
constexpr double longest = 365 * 86400e9;

std::size_t number_length(std::string_view text) {
    const auto end = text.find_first_not_of("0123456789.");
    return end == std::string_view::npos ? text.size() : end;
}

bool read_number(std::string_view text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

Error bad(std::string_view text, std::string_view like) {
    return {Fault::invalid, "'" + std::string(text.substr(0, 40)) + "' is not " + std::string(like)};
}

}  // namespace

Result<Bytes> parse_bytes(std::string_view text) {
    constexpr auto like = "a size such as 512, 64Ki, 256Mi or 1Gi";
    const auto digits = number_length(text);
    double number = 0;
    if (!read_number(text.substr(0, digits), number)) return bad(text, like);
    for (const auto& [suffix, size] : byte_suffixes) {
        if (text.substr(digits) != suffix) continue;
        const double total = number * static_cast<double>(size);
        if (total > 4.6e18) return bad(text, "a size below 4Ei");
        return static_cast<Bytes>(total);
    }
    return bad(text, like);
}

std::string format_bytes(Bytes bytes) {
    constexpr std::array<std::string_view, 5> names{"", "Ki", "Mi", "Gi", "Ti"};
    std::size_t unit = 0;
    while (unit + 1 < names.size() && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes).append(names[unit]);
}

Result<Duration> parse_duration(std::string_view text) {
    constexpr auto like = "a duration such as 250ms, 30s, 5m or 1h30m";
    double total = 0;
    auto rest = text;
    if (rest.empty()) return bad(text, like);
    while (!rest.empty()) {
        const auto digits = number_length(rest);
        double number = 0;
        if (!read_number(rest.substr(0, digits), number)) return bad(text, like);
        rest.remove_prefix(digits);
        const auto letters = rest.substr(0, rest.find_first_of("0123456789."));
        const Suffix<double>* found = nullptr;
        for (const auto& suffix : time_suffixes) {
            if (letters == suffix.text) found = &suffix;
        }
        if (found == nullptr && !(letters.empty() && total == 0 && number == 0)) return bad(text, like);
        total += number * (found ? found->size : 0);
        rest.remove_prefix(letters.size());
    }
    if (total > longest) return bad(text, "a duration of at most 365d");
    return Duration(static_cast<Duration::rep>(total));
}

std::string format_duration(Duration duration) {
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    if (ms == 0) return "0s";
    std::string text;
    constexpr std::array<std::pair<std::int64_t, std::string_view>, 5> units{
        {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}}};
    for (const auto& [size, name] : units) {
        if (ms < size) continue;
        text += std::to_string(ms / size).append(name);
        ms %= size;
    }
    return text;
}

}  // namespace shallop::base
