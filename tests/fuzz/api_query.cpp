// SPDX-License-Identifier: Apache-2.0
// Query strings of the admin API, the times in them, and entity tags.
#include <cstdlib>

#include "api/guard.h"
#include "api/query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shallop;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto query = api::Query::parse(text, "limit follow since cursor");
    if (query) {
        const auto count = query->count("limit", 5, 10);
        if (count && (*count < 1 || *count > 10)) std::abort();
        (void)query->flag("follow");
        (void)query->time("since", std::chrono::system_clock::now());
    }
    (void)api::parse_time(text);
    if (api::names_tag(text, "tag") && text.find("\"tag\"") == std::string_view::npos &&
        text.find('*') == std::string_view::npos) {
        std::abort();
    }
    return 0;
}
