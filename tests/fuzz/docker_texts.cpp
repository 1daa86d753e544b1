// SPDX-License-Identifier: Apache-2.0
#include "docker/credentials.h"
#include "docker/target.h"

#include <shallop/docker/reference.h>

using namespace shallop::docker;

/// References, hosts, credentials files and base64: what is accepted reads back as itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    using shallop::base::ensure;
    if (const auto reference = parse_reference(text)) {
        const auto again = parse_reference(reference->familiar());
        ensure(again && again->familiar() == reference->familiar(), "a reference reads back");
        ensure(reference->familiar().find_first_of(" ?#%\\\n") == std::string::npos,
               "a reference has nothing that a URL would mind");
        ensure(("/" + reference->path + "/").find("/../") == std::string::npos, "a reference goes nowhere else");
    }
    (void)parse_host(text);
    find_credentials(text, "docker.io");
    std::string back;
    ensure(base64_decode(base64_url(text), back) && back == text, "base64 reads back");
    base64_decode(text, back);
    percent_encode(text);
    return 0;
}
