// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include <cstdint>
#include <string_view>

/// The facts of an image, as the store keeps them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const auto image = function::parse_image({reinterpret_cast<const char*>(data), size});
    if (!image) return 0;
    const auto back = function::parse_image(function::format_image(*image));
    base::ensure(back && *back == *image, "what was written is read back");
    return 0;
}
