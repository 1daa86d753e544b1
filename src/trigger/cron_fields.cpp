// SPDX-License-Identifier: Apache-2.0
#include "trigger/cron_fields.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace shallop::trigger {
namespace {

using base::Error;
using base::Fault;

bool same_word(std::string_view given, std::string_view word) {
    return std::equal(given.begin(), given.end(), word.begin(), word.end(), [](char a, char b) {
        return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
    });
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.front() == '-' || error != std::errc{} || end != text.data() + text.size()) return {};
    return value;
}

/// One field being read: `8-18/2,20`.
class Field {
public:
    explicit Field(const FieldRule& rule) : rule_(rule) {}

    base::Result<FieldValue> read(std::string_view text) {
        field_.starred = text.starts_with('*');
        while (true) {
            const auto comma = text.find(',');
            if (auto done = item(text.substr(0, comma)); !done) return done.error();
            if (comma == std::string_view::npos) return field_;
            text.remove_prefix(comma + 1);
        }
    }

private:
    struct Range {
        int first, last;
    };

    base::Status item(std::string_view text) {
        const auto slash = text.find('/');
        const auto left = text.substr(0, slash);
        if (text.empty()) return wrong("a list has nothing between two commas, or at an end: take the comma out");
        const auto range = left == "*" ? base::Result<Range>(Range{rule_.least, rule_.most}) : range_of(left);
        if (!range) return range.error();
        int step = 1;
        if (slash != std::string_view::npos) {
            if (left != "*" && left.find('-') == std::string_view::npos) return step_of_value(left, text);
            const auto given = number(text.substr(slash + 1));
            if (!given || *given < 1 || *given > span())
                return wrong("the step in " + quoted(text) + " is no number from 1 to " + std::to_string(span()));
            step = *given;
        }
        add(*range, step);
        return {};
    }

    void add(Range range, int step) {
        if (range.first == rule_.least && range.last >= rule_.most) field_.whole = true;
        for (int value = range.first; value <= range.last; value += step)
            field_.values |= std::uint64_t{1} << (rule_.weekdays ? value % 7 : value);
    }

    /// `text` is no `*`.
    base::Result<Range> range_of(std::string_view text) const {
        const auto dash = text.find('-');
        const auto first = value_of(text.substr(0, dash));
        if (!first) return first.error();
        if (dash == std::string_view::npos) return Range{*first, *first};
        auto last = value_of(text.substr(dash + 1));
        if (!last) return last.error();
        if (rule_.weekdays && *last == 0 && *first > 0) *last = 7;  // SAT-SUN
        if (*last >= *first) return Range{*first, *last};
        return wrong("the range " + quoted(text) + " goes backwards: write it as two, " +
                     std::string(text.substr(0, dash)) + "-" + std::to_string(rule_.weekdays ? 6 : rule_.most) + "," +
                     std::to_string(rule_.least) + "-" + std::string(text.substr(dash + 1)));
    }

    base::Result<int> value_of(std::string_view text) const {
        for (std::size_t at = 0; at < rule_.words.size(); ++at) {
            if (same_word(text, rule_.words[at])) return rule_.least + static_cast<int>(at);
        }
        const auto value = number(text);
        const int most = rule_.weekdays ? 7 : rule_.most;
        if (value && *value >= rule_.least && *value <= most) return *value;
        if (text == "?") return wrong("'?' is not known here: write '*'");
        if (text.find_first_of("LW#") != std::string_view::npos && !value)
            return wrong(quoted(text) + " is an extension that is not known here: give the days themselves");
        auto hint = "write " + std::to_string(rule_.least) + "-" + std::to_string(most);
        if (!rule_.words.empty())
            hint += " or " + std::string(rule_.words.front()) + "-" + std::string(rule_.words.back());
        return wrong(quoted(text) + " is no value of it: " + hint + ", or '*' for all");
    }

    Error step_of_value(std::string_view left, std::string_view text) const {
        return wrong("the step in " + quoted(text) + " follows a single value: write " + std::string(left) + "-" +
                     std::to_string(rule_.most) + std::string(text.substr(text.find('/'))));
    }

    int span() const { return rule_.most - rule_.least + 1; }

    Error wrong(const std::string& what) const {
        return {Fault::invalid, "the " + std::string(rule_.name) + " field: " + what};
    }

    static std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 20)) + "'"; }

    const FieldRule& rule_;
    FieldValue field_;
};

}  // namespace

base::Result<FieldValue> parse_field(std::string_view text, const FieldRule& rule) { return Field(rule).read(text); }

}  // namespace shallop::trigger
