// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/engine_trigger.h>

#include <cstdint>
#include <string_view>

/// Whatever trigger is accepted is written as it was read, and can be asked about any event.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto read = trigger::parse_engine_trigger(text);
    if (!read) {
        base::ensure(!read.error().detail.empty(), "a refusal says what to do");
        return 0;
    }
    const auto back = trigger::parse_engine_trigger(trigger::format_engine_trigger(*read));
    base::ensure(back && back->filters == read->filters && back->function == read->function,
                 "what was written is read");
    docker::EngineEvent event;
    event.type = "container";
    event.action = event.json = text;
    event.attributes["name"] = text;
    [[maybe_unused]] const bool meant = trigger::matches(read->filters, event);
    for (const auto& field : trigger::order_for(*read, event, "engine").event.fields)
        base::ensure(field.value.find_first_of("\r\n") == std::string::npos, "no field has a line's end in it");
    return 0;
}
