// SPDX-License-Identifier: Apache-2.0

// What a shim sends, and what people would be told about it.
#include <shim/codec.h>

#include <cstdint>
#include <cstdlib>

using namespace shallop::shim;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto frame = decode(Octets(data, size));
    if (!frame) return 0;
    if (size > max_answer) std::abort();
    if ((frame->id == 0) != std::holds_alternative<Hello>(frame->message)) std::abort();
    if (descriptors_of(frame->message) > 1) std::abort();
    if (const auto* failed = std::get_if<Failed>(&frame->message)) {
        if (explain(*failed, "subject").detail.empty()) std::abort();
    }
    if (const auto* exit = std::get_if<Exit>(&frame->message)) {
        if ((exit->signal == 0) != (exit->code >= 0) || exit->user + exit->system < exit->user) std::abort();
    }
    if (const auto* used = std::get_if<Used>(&frame->message)) {
        if (used->cpu && (*used->cpu < Duration{} || *used->cpu + *used->cpu < *used->cpu)) std::abort();
    }
    return 0;
}
