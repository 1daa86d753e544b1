// SPDX-License-Identifier: Apache-2.0

// What a hostile client sends: lines of "name:value", and a path in the first. Nothing in it can become a variable that is ours.
#include "contract/cgi_environment.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

using namespace shallop;

namespace {

void claim(bool truth) {
    if (!truth) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    function::Function function;
    function::Event event;
    event.method = "GET";
    for (bool first = true; !rest.empty(); first = false) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const auto colon = std::min(line.find(':'), line.size());
        if (first)
            event.path_info = event.target = line;
        else
            event.fields.push_back(
                {std::string(line.substr(0, colon)), std::string(line.substr(std::min(line.size(), colon + 1)))});
    }
    const auto environment = contract::cgi_environment(function, event, {});
    if (!environment) return 0;
    std::set<std::string_view> names;
    for (const std::string_view entry : *environment) {
        claim(entry.find('\0') == std::string_view::npos);
        const auto name = entry.substr(0, entry.find('='));
        claim(name.size() < entry.size() && !name.empty() && names.insert(name).second);
        claim(std::all_of(name.begin(), name.end(),
                          [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }));
    }
    for (const auto* never : {"HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_CONNECTION", "HTTP_TRANSFER_ENCODING",
                              "HTTP_CONTENT_LENGTH", "REMOTE_USER", "AUTH_TYPE"}) {
        claim(!names.contains(never));
    }
    return 0;
}
