// SPDX-License-Identifier: Apache-2.0
// A chunked body, whole and in pieces; Beast must decode what is accepted to the same bytes.
#include <shallop/base/result.h>

#include "support/feed.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

using namespace shallop;

namespace {

const http::Limits limits;

void compare_with_beast(const test::Fed& ours, std::string_view bytes) {
    namespace beast = boost::beast::http;
    beast::request_parser<beast::string_body> parser;
    parser.eager(true);
    parser.header_limit(1 << 20);
    const std::string message = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(bytes);
    boost::system::error_code failed;
    std::size_t used = 0;
    while (!parser.is_done() && !failed && used < message.size()) {
        const auto count = parser.put(boost::asio::buffer(message.data() + used, message.size() - used), failed);
        used += count;
        if (count == 0) break;
    }
    if (failed || !parser.is_done()) return;  // Beast refuses a few trailers and extensions that the grammar allows
    base::ensure(parser.get().body() == ours.body, "Beast decodes the same body");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = test::feed(http::BodyDecoder::chunked(limits), bytes, 1 << 20, 1 << 16);
    const auto drip = test::feed(http::BodyDecoder::chunked(limits), bytes, 1, 1);
    base::ensure(whole.done == drip.done && whole.refused == drip.refused && whole.body == drip.body,
                 "fragmentation does not matter");
    base::ensure(!whole.done || whole.consumed == drip.consumed, "nor does it for the end");
    if (whole.done) compare_with_beast(whole, bytes.substr(0, whole.consumed));
    return 0;
}
