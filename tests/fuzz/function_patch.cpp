// SPDX-License-Identifier: Apache-2.0
#include <shallop/function/resource.h>

#include <cstdint>
#include <string_view>

/// A patch made on a function with everything in it gives a resource that can be read, or a refusal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    static const auto current =
        function::parse_resource(
            R"({"image":"i","command":["a"],"env":{"A":"b"},"routes":[{"path":"/a","methods":["GET"],"host":"h"}],"user":"1:1",
            "contract":{"cgi":{"output":"raw","script":"/s"}},"capabilities":["CHOWN"],
            "mounts":[{"type":"tmpfs","target":"/t","size":"1Mi"}],"limits":{"response_body":"1Mi"},"scale":{"max":2}})",
            "f")
            .value();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const auto server =
        function::parse_resource(R"({"image":"i","contract":{"http":{"port":80,"ready_path":"/r"}}})", "f").value();
    for (const auto* before : {&current, &server}) {
        const auto spec = function::patch_resource(*before, text);
        if (!spec) continue;
        const auto back = function::parse_resource(function::format_spec(*spec), "f");
        base::ensure(back && *back == *spec, "what a patch made is read back");
    }
    return 0;
}
