// SPDX-License-Identifier: Apache-2.0
#include "cli/timing.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "cli/print.h"

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_phases = 32;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// The part before `separator`, which `text` loses with the separator.
std::string_view cut(std::string_view& text, char separator) {
    const auto end = std::min(text.find(separator), text.size());
    const auto part = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

std::string milliseconds(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ms", value);
    return text.data();
}

std::string row(const std::string& name, const std::string& value) {
    std::array<char, 96> text{};
    std::snprintf(text.data(), text.size(), "%-14.40s %12.40s\n", name.c_str(), value.c_str());
    return text.data();
}

double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 1000 + 0.5)) / 1000; }

}  // namespace

std::vector<std::pair<std::string, double>> server_timing(std::string_view field) {
    std::vector<std::pair<std::string, double>> phases;
    while (!field.empty() && phases.size() < most_phases) {
        auto metric = cut(field, ',');
        const auto name = cut(metric, ';');
        while (!metric.empty()) {
            auto value = cut(metric, ';');
            if (cut(value, '=') != "dur") continue;
            double duration = 0;
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), duration);
            if (error == std::errc{} && end == value.data() + value.size() && !name.empty() && duration >= 0) {
                phases.emplace_back(name, duration);
            }
        }
    }
    return phases;
}

std::string timing_text(const Reply& reply) {
    const auto& timing = reply.timing;
    auto text = row("connect", milliseconds(timing.connected));
    text += row("first byte", milliseconds(timing.first_byte));
    text += row("total", milliseconds(timing.total));
    for (const auto& [name, duration] : server_timing(reply.head.field("server-timing"))) {
        text += row("  " + printable(name), milliseconds(duration));
    }
    text += row("sent", std::to_string(timing.sent) + " B ");
    text += row("received", std::to_string(timing.received) + " B ");
    return text;
}

Json timing_json(const Reply& reply) {
    const auto& timing = reply.timing;
    Json server = Json::object();
    for (const auto& [name, duration] : server_timing(reply.head.field("server-timing")))
        server[name + "_ms"] = duration;
    return {{"resolve_ms", rounded(timing.resolved)},
            {"connect_ms", rounded(timing.connected)},
            {"first_byte_ms", rounded(timing.first_byte)},
            {"total_ms", rounded(timing.total)},
            {"server", std::move(server)},
            {"sent", timing.sent},
            {"received", timing.received}};
}

}  // namespace shallop::cli
