// SPDX-License-Identifier: Apache-2.0
// The input's lines: patterns (with an optional host before a space), an empty line, then paths to look up.
#include <shallop/base/result.h>
#include <shallop/http/router.h>

#include <string>
#include <string_view>

using namespace shallop;

namespace {

std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    std::vector<http::RouteEntry> entries;
    while (!text.empty()) {
        const auto line = take_line(text);
        if (line.empty()) break;
        const auto space = std::min(line.find(' '), line.size());
        http::RouteEntry entry{std::to_string(entries.size()), std::string(line.substr(0, space)), {}, ""};
        if (space < line.size()) entry.host = line.substr(space + 1);
        entries.push_back(entry);
        if (!http::Router::build(entries)) entries.pop_back();
    }
    const auto router = http::Router::build(entries);
    base::ensure(router.has_value(), "what was taken one by one is taken together");
    while (!text.empty()) {
        const auto path = take_line(text);
        std::string allow;
        const auto match = router->find("a.b", "GET", path, allow);
        if (!match) continue;
        base::ensure(match->prefix + match->rest == path, "prefix and rest are the path");
        base::ensure(match->rest.empty() || match->rest.starts_with('/'), "the rest begins with a slash");
        base::ensure(http::decode_path(path).has_value(), "only clean paths lead anywhere");
        for (const auto& parameter : match->parameters)
            base::ensure(parameter.second.find('\0') == std::string::npos, "no NUL");
    }
    return 0;
}
