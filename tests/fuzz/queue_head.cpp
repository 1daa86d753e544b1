// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/result.h>

#include <cstdint>
#include <string_view>

#include "queue/codec.h"

/// Whatever is found as an event's head is refused or read, and what is read is written so that it is read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const auto event = queue::read_head({reinterpret_cast<const char*>(data), size});
    if (!event) return 0;
    const auto written = queue::write_head(*event);
    const auto again = queue::read_head(written);
    base::ensure(again && queue::write_head(*again) == written, "what was read is read again");
    return 0;
}
