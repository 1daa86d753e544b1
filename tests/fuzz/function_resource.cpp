// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include <cstdint>
#include <string_view>

/// Whatever is accepted can be written, read back as the same, patched with itself, and survives a second round.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto spec = function::parse_resource(text, "f");
    if (!spec) {
        base::ensure(!spec.error().detail.empty(), "a refusal says what to do");
        return 0;
    }
    const auto written = function::format_spec(*spec);
    const auto back = function::parse_resource(written, "f", {.document_bytes = 1 << 20});
    base::ensure(back && *back == *spec, "what was written is read back");
    const auto patched = function::patch_resource(*spec, "{}", {.document_bytes = 1 << 20});
    base::ensure(patched && *patched == *spec, "an empty patch changes nothing");
    return 0;
}
