// SPDX-License-Identifier: Apache-2.0
// A server's reply, whole and byte by byte; what is accepted must be clean, and Beast must frame it the same way.
#include <shallop/base/result.h>
#include <shallop/http/reply_parser.h>
#include <shallop/http/syntax.h>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

using namespace shallop;
using Progress = http::ReplyParser::Progress;
using Framing = http::ReplyParser::Framing;

namespace {

Progress parse_in_pieces(http::ReplyParser& parser, std::string_view bytes) {
    auto progress = Progress::more;
    for (std::size_t size = 1; progress == Progress::more && size <= bytes.size(); ++size) {
        progress = parser.parse(bytes.substr(0, size));
    }
    return progress;
}

void check(const http::ReplyParser& parser, std::string_view bytes, http::ReplyParser::Asked asked) {
    base::ensure(parser.status() == 101 ? asked.upgrade : parser.status() >= 200, "a final status");
    base::ensure(parser.status() <= 599, "a known class of status");
    base::ensure(parser.size() <= bytes.size(), "a head within its bytes");
    base::ensure(http::is_field_value(parser.reason(bytes)), "a clean reason");
    for (std::size_t i = 0; i < parser.fields(); ++i) {
        const auto field = parser.field(i, bytes);
        base::ensure(http::is_token(field.name) && http::is_field_value(field.value), "clean fields");
        base::ensure(field.hop_by_hop || !http::is_hop_by_hop(field.name), "no field of the connection is handed on");
    }
    base::ensure(!parser.keep_alive() || parser.framing() != Framing::until_close, "what lasts has an end");
}

/// The last head alone: Beast does not skip interim ones.
void compare_with_beast(const http::ReplyParser& parser, std::string_view head) {
    boost::beast::http::response_parser<boost::beast::http::empty_body> other;
    other.header_limit(128 * 1024);
    other.body_limit(boost::none);
    other.skip(parser.framing() == Framing::none);
    boost::system::error_code failed;
    other.put(boost::asio::buffer(head.data(), head.size()), failed);
    if (!other.is_header_done()) return;
    base::ensure(static_cast<int>(other.get().result_int()) == parser.status(), "Beast sees the same status");
    if (parser.framing() == Framing::none) return;
    base::ensure(other.chunked() == (parser.framing() == Framing::chunked), "Beast sees the same coding");
    const auto length = other.content_length();
    base::ensure(length.has_value() == (parser.framing() == Framing::length), "Beast sees a length where there is one");
    base::ensure(!length || *length == *parser.content_length(), "Beast sees the same length");
}

std::size_t last_head(std::string_view bytes) {
    const auto end = bytes.substr(0, bytes.size() - 4).rfind("\r\n\r\n");
    return end == bytes.npos ? 0 : end + 4;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const http::ReplyParser::Asked asked{(data[0] & 1) != 0, (data[0] & 2) != 0};
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    http::ReplyParser whole;
    http::ReplyParser slow;
    whole.start(asked);
    slow.start(asked);
    const auto progress = whole.parse(bytes);
    base::ensure(progress == parse_in_pieces(slow, bytes), "fragmentation does not matter");
    if (progress == Progress::refused) base::ensure(!whole.refusal().empty(), "a refusal has words");
    if (progress != Progress::done) return 0;
    base::ensure(whole.size() == slow.size(), "the same size");
    check(whole, bytes, asked);
    const auto head = bytes.substr(0, whole.size());
    compare_with_beast(whole, head.substr(last_head(head)));
    return 0;
}
