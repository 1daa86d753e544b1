// SPDX-License-Identifier: Apache-2.0
// A head, whole and byte by byte; what is accepted must keep the promises of http::Request, and Beast must read it
// the same way.
#include <shallop/base/result.h>
#include <shallop/http/syntax.h>

#include <http/head.h>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

using namespace shallop;
using Progress = http::HeadParser::Progress;

namespace {

const http::Limits limits;

Progress parse_in_pieces(http::HeadParser& parser, std::string_view bytes, std::size_t piece) {
    auto progress = Progress::more;
    for (std::size_t size = 0; progress == Progress::more && size < bytes.size();) {
        size = std::min(bytes.size(), size + piece);
        progress = parser.parse(bytes.substr(0, size));
    }
    return progress;
}

void check(const http::Head& head) {
    const auto& request = head.request;
    base::ensure(http::is_token(request.method) && request.method.size() <= 32, "the method is a short token");
    base::ensure(request.path == "*" || request.path.starts_with('/'), "the path is absolute");
    base::ensure(request.target == request.path || request.target == request.path + "?" + request.query,
                 "the target is path and query");
    base::ensure(!(request.chunked && request.content_length), "one framing");
    base::ensure(request.version == 10 || request.version == 11, "a known version");
    base::ensure(request.version == 10 || !request.host.empty(), "HTTP/1.1 has a host");
    base::ensure(request.fields.size() <= limits.fields, "few fields");
    for (const auto& field : request.fields)
        base::ensure(http::is_token(field.name) && http::is_field_value(field.value), "clean fields");
}

void compare_with_beast(const http::Head& head, std::string_view bytes) {
    boost::beast::http::request_parser<boost::beast::http::empty_body> parser;
    parser.header_limit(64 * 1024);
    parser.body_limit(boost::none);
    boost::system::error_code failed;
    if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    parser.put(boost::asio::buffer(bytes.data(), bytes.size()), failed);
    if (!parser.is_header_done()) return;  // Beast is stricter in places, such as versions above 1.1
    base::ensure(parser.chunked() == head.request.chunked, "Beast sees the same coding");
    const auto length = parser.content_length();
    base::ensure(length.has_value() == head.request.content_length.has_value(),
                 "Beast sees a length where there is one");
    base::ensure(!length || *length == *head.request.content_length, "Beast sees the same length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    http::HeadParser whole(limits);
    http::HeadParser slow(limits);
    const auto progress = whole.parse(bytes);
    const auto slow_progress = parse_in_pieces(slow, bytes, 1);
    base::ensure(progress == slow_progress, "fragmentation does not matter");
    if (progress == Progress::refused)
        base::ensure(whole.refusal().status == slow.refusal().status, "nor does it for the refusal");
    if (progress != Progress::done) return 0;
    base::ensure(whole.size() == slow.size() && whole.size() <= size, "the same size");
    const auto head_bytes = bytes.substr(0, whole.size());
    const auto& head = whole.head();
    check(head);
    compare_with_beast(head, head_bytes);
    return 0;
}
