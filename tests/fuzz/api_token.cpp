// SPDX-License-Identifier: Apache-2.0
// Documents of POST /v1/tokens, names of tokens, and what is masked in the audit log.
#include <cstdlib>

#include "api/token_document.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::chrono::system_clock::time_point now{std::chrono::seconds(1'763'726'400)};
    const auto token = api::parse_token(text, now);
    if (token && (!access::check_token_name(token->name) || (token->expires && *token->expires <= now))) std::abort();
    const auto masked = access::masked(std::string(text));
    if (access::masked(masked) != masked) std::abort();
    return 0;
}
