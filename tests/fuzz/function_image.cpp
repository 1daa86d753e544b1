// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include <cstdint>
#include <string_view>

/// The facts of an image, as the store keeps them; and what is decided from them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const auto image = function::parse_image({reinterpret_cast<const char*>(data), size});
    if (!image) return 0;
    const auto back = function::parse_image(function::format_image(*image));
    base::ensure(back && *back == *image, "what was written is read back");
    static const auto automatic = function::parse_resource(R"({"image":"i"})", "f").value();
    static const auto asked = function::parse_resource(R"({"image":"i","contract":"http"})", "f").value();
    for (const auto* spec : {&automatic, &asked}) {
        const auto contract = function::decide_contract(*spec, *image);
        if (!contract) continue;
        const bool listens = contract->kind != function::ContractKind::cgi;
        base::ensure(listens ? contract->port >= 1 && contract->port <= 65'535 : contract->port == 0,
                     "a server has a port");
        base::ensure(contract->reason.size() <= 1024, "what is answered can be put back");
    }
    return 0;
}
