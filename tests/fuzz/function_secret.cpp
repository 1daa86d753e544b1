// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/secret.h>

#include <cstdint>
#include <string_view>

/// A value that is taken is within its bounds; a refusal says why.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto value = function::parse_secret_value(text);
    if (!value) {
        base::ensure(!value.error().detail.empty(), "a refusal says what was wrong");
        return 0;
    }
    base::ensure(value->size() > 0 && value->size() <= function::largest_secret, "a value has its bounds");
    return 0;
}
