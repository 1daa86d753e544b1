// SPDX-License-Identifier: Apache-2.0
// Cron expressions: whatever is accepted has later ticks, each of them later than the one before and in a minute of its own.
#include <shallop/trigger/cron.h>

#include <array>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop::trigger;
    if (size < 4) return 0;
    static const std::array zones{Zone(), Zone::find("Europe/Berlin").value(),
                                  Zone::find("Australia/Lord_Howe").value(), Zone::find("America/Sao_Paulo").value()};
    const auto& zone = zones[data[0] % zones.size()];
    const auto days = std::chrono::days(data[1] * 256 + data[2]);  // from 1970 on, for 179 years
    const std::string_view text(reinterpret_cast<const char*>(data + 3), size - 3);
    const auto cron = Cron::parse(text);
    if (!cron) {
        if (cron.error().detail.empty()) std::abort();
        return 0;
    }
    const auto again = Cron::parse(cron->text());
    if (!again || again->text() != cron->text()) std::abort();
    const auto after = Tick(days);
    const auto ticks = next_ticks(*cron, zone, after, Tick(), 3);
    auto last = after;
    for (const auto tick : ticks) {
        if (tick <= last || format_local(tick, zone).empty()) std::abort();
        last = tick;
    }
    // What no date ever fits has been refused.
    if (ticks.empty() && days < std::chrono::days(365 * 100)) std::abort();
    return 0;
}
