// SPDX-License-Identifier: Apache-2.0
// Any event that the listener lets in makes one well-formed head.
#include "contract/http_request.h"

#include <shallop/base/result.h>
#include <shallop/http/syntax.h>

#include <algorithm>

using namespace shallop;

namespace {

/// The next line of the input, without what no listener lets in.
std::string take(std::string_view& input) {
    const auto end = std::min(input.find('\n'), input.size());
    std::string text(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
    std::erase_if(text, [](char c) { return !http::is_field_value(std::string_view(&c, 1)); });
    return text;
}

std::size_t count(std::string_view head, std::string_view name) {
    std::size_t found = 0;
    for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        const auto line = http::lower(head.substr(at + 2, name.size() + 1));
        if (line.starts_with(name) && line.ends_with(':')) ++found;
    }
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
    function::Event event;
    event.method = "GET";
    event.target = "/" + take(input);
    event.by_name = (data[0] & 1) != 0;
    event.script_name = take(input);
    event.path_info = "/" + take(input);
    event.query = take(input);
    event.server_name = take(input);
    event.remote_addr = take(input);
    event.id = take(input);
    event.chunked = (data[0] & 2) != 0;
    if ((data[0] & 4) != 0 && !event.chunked) event.content_length = ~std::uint64_t{0};
    while (!input.empty()) {
        auto name = take(input);
        auto value = take(input);
        if (http::is_token(name)) event.fields.push_back({std::move(name), std::move(value)});
    }
    const bool upgrade = contract::asks_upgrade(event);
    contract::TraceIds traces(size);
    std::string head;
    contract::write_request_head(head, event, upgrade, traces);

    base::ensure(head.find("\r\n\r\n") == head.size() - 4, "a head ends once");
    base::ensure(count(head, "host") == 1, "one Host");
    base::ensure(count(head, "traceparent") == 1, "one trace context");
    base::ensure(count(head, "x-forwarded-proto") == 1, "one scheme");
    base::ensure(count(head, "transfer-encoding") == (event.chunked ? 1 : 0), "the body's framing");
    base::ensure(count(head, "content-length") == (event.content_length ? 1 : 0), "the body's length");
    base::ensure(upgrade || count(head, "upgrade") == 0, "no upgrade unasked");
    base::ensure(count(head, "expect") + count(head, "proxy") + count(head, "keep-alive") == 0, "nothing of the hop");
    return 0;
}
