// SPDX-License-Identifier: Apache-2.0
#include "contract/http_relay.h"

#include "contract/field_rules.h"

#include <shallop/async/race.h>

#include <algorithm>
#include <charconv>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;
using Framing = http::ReplyParser::Framing;

namespace {

constexpr auto tunnel_stall = std::chrono::seconds(60);
constexpr auto no_stall = std::chrono::hours(24);  // the deadline is watched by the receiving side
constexpr std::string_view last_chunk = "0\r\n\r\n";

const http::Limits body_limits;

}  // namespace

HttpRelay::HttpRelay(Upstream& upstream, Call& call, const Surroundings& around, BodyBuffers& buffers)
    : up_(upstream),
      call_(call),
      around_(around),
      buffers_(buffers),
      reply_buffer_(buffers),
      upgrade_(asks_upgrade(call.event)),
      verdict_(call, around) {}

bool HttpRelay::reusable() const {
    return whole_ && body_sent_ && trouble() == Trouble::none && up_.parser().keep_alive() &&
           up_.wire().buffered().empty();
}

// ---- the request

bool HttpRelay::send_head(TraceIds& traces) {
    const auto& event = call_.event;
    http::ReplyParser::Asked asked;
    asked.head = event.method == "HEAD";
    asked.upgrade = upgrade_;
    up_.parser().start(asked);
    write_request_head(up_.head(), event, upgrade_, traces);
    up_.wire().expect_answer();
    if (event.has_body() && !event.chunked) return true;
    http::Wire::Parts parts{up_.head(), {}, {}};
    up_.wire().send_at_once(parts);
    if (up_.wire().seen_gone()) return false;
    head_sent_ = up_.head().size() - parts[0].size();
    call_.sent = call_.sent || head_sent_ > 0;
    body_sent_ = head_sent_ == up_.head().size() && !event.has_body();
    return true;
}

Task<void> HttpRelay::pass() {
    // Without a body there is nothing to do beside reading the reply.
    return body_sent_ ? read_reply() : pass_both();
}

/// Sends and reads at once: a server may answer early, or only while it is being sent to.
Task<void> HttpRelay::pass_both() {
    never_.emplace(around_.executor);
    auto reading = read_reply();
    auto sending = send_request();
    co_await async::race(std::move(reading), std::move(sending));
}

/// Ends only when the body does not come as it should.
Task<void> HttpRelay::send_request() {
    if (call_.event.has_body()) {
        BodyBuffers::Borrowed buffer(buffers_);
        co_await send_body(buffer.room());
        if (trouble() != Trouble::none) co_return;
    } else {
        const auto sent = co_await send_piece({});
        body_sent_ = sent.has_value();
    }
    for (;;) co_await never_->wait();
}

/// A server that takes no more of it may still answer.
Task<void> HttpRelay::send_body(std::span<char> into) {
    const bool chunked = call_.event.chunked;
    for (auto left = call_.event.content_length.value_or(0); chunked || left > 0;) {
        waits_for_client_ = true;
        const auto got = co_await call_.body.read(into);
        waits_for_client_ = false;
        call_.sent = true;  // what was read cannot be read again for another try
        if (!got) {
            verdict_.fail_client(got.error());
            co_return;
        }
        if (*got == 0 && !chunked) co_return;  // its source has broken its promise: the server will see that too
        const std::string_view piece(into.data(), *got);
        const auto sent = co_await send_piece(piece);
        if (!sent) co_return;
        if (chunked && piece.empty()) break;
        left -= std::min<std::uint64_t>(left, piece.size());
    }
    body_sent_ = true;
}

/// One piece of the body in its framing, with what is left of the head before it. An empty one is the end.
Task<Status> HttpRelay::send_piece(std::string_view piece) {
    auto& head = up_.head();
    const auto framed = head_sent_ == head.size() ? 0 : head_sent_;
    if (head_sent_ == head.size()) head.clear();
    std::string_view after;
    if (call_.event.chunked && piece.empty()) {
        head.append(last_chunk);
    } else if (call_.event.chunked) {
        char digits[16];
        head.append(digits, std::to_chars(digits, digits + sizeof digits, piece.size(), 16).ptr).append("\r\n");
        after = "\r\n";
    }
    const http::Wire::Parts parts{std::string_view(head).substr(framed), piece, after};
    head_sent_ = head.size();
    co_return co_await up_.wire().send(parts, no_stall);
}

// ---- the reply

/// One frame for the common reply, which is here at once.
Task<void> HttpRelay::read_reply() {
    auto& wire = up_.wire();
    auto& parser = up_.parser();
    for (auto progress = http::ReplyParser::Progress::more; progress != http::ReplyParser::Progress::done;) {
        const auto received = co_await wire.fill(call_.deadline);
        if (!received || *received == 0) {
            fail_receive(received);
            co_return;
        }
        progress = parser.parse(wire.buffered());
        if (progress == http::ReplyParser::Progress::refused) {
            verdict_.fail(Trouble::garbage, Fault::function_failed, "the function sent " + parser.refusal());
            co_return;
        }
    }
    up_.grown = up_.grown || wire.buffered().size() >= http::Wire::small_buffer;
    reply_head_ = take_head();
    wire.consume(parser.size());
    if (parser.status() == 101) {
        co_await tunnel();
        co_return;
    }
    const auto length = parser.framing() == Framing::length ? parser.content_length().value_or(0) : 0;
    const bool here =
        parser.framing() == Framing::none || (parser.framing() == Framing::length && length <= wire.buffered().size());
    if (!here) {
        whole_ = co_await pass_reply();
        co_return;
    }
    if (!within_limit(length)) co_return;
    const std::span<const char> body(wire.buffered().data(), static_cast<std::size_t>(length));
    const auto begun = co_await call_.reply.begin_with(std::move(reply_head_), body);
    wire.consume(body.size());
    whole_ = begun.has_value();
    if (!begun) verdict_.fail_client(begun.error());
}

/// What of the head is the client's business; read before the buffer moves on.
function::ReplyHead HttpRelay::take_head() {
    const auto& parser = up_.parser();
    const auto bytes = up_.wire().buffered();
    function::ReplyHead head;
    head.status = parser.status();
    head.reason = parser.reason(bytes);
    head.content_length = parser.content_length();
    head.fields.reserve(parser.fields() + 2);  // the invocation adds two
    for (std::size_t i = 0; i < parser.fields(); ++i) {
        const auto field = parser.field(i, bytes);
        const bool switching = head.status == 101 && base::same_name(field.name, "upgrade");
        if ((field.hop_by_hop && !switching) || is_platform_field(field.name)) continue;
        head.fields.push_back({std::string(field.name), std::string(field.value)});
    }
    if (head.status == 101) head.fields.push_back({"Connection", "upgrade"});
    return head;
}

Task<bool> HttpRelay::pass_reply() {
    if (up_.parser().framing() == Framing::length) return pass_length();
    return up_.parser().framing() == Framing::chunked ? pass_chunked() : pass_until_close();
}

Task<bool> HttpRelay::pass_length() {
    auto& wire = up_.wire();
    const auto length = *up_.parser().content_length();
    if (!within_limit(length)) co_return false;
    const auto first = wire.buffered();  // not all of it, or it would have been passed at once
    const bool begun = co_await begin(first);
    if (!begun) co_return false;
    wire.consume(first.size());
    for (auto left = length - first.size(); left > 0;) {
        const auto into =
            reply_buffer_.room().first(static_cast<std::size_t>(std::min<std::uint64_t>(left, BodyBuffers::size)));
        std::size_t size = 0;
        const bool received = co_await receive(size, into);
        if (!received) co_return false;
        if (size == 0) {
            co_return verdict_.fail(Trouble::closed, Fault::function_failed,
                                    "the function's reply ended " + std::to_string(left) +
                                        " bytes before its Content-Length of " + std::to_string(length));
        }
        const bool written = co_await write(into.first(size));
        if (!written) co_return false;
        left -= size;
    }
    co_return true;
}

/// A chunked body that has come with its head is given a length: that saves the client's side its framing.
Task<bool> HttpRelay::pass_chunked() {
    auto& wire = up_.wire();
    auto body = http::BodyDecoder::chunked(body_limits);
    const auto out = reply_buffer_.room();
    bool begun = false;
    for (;;) {
        const auto step = body.decode(wire.buffered(), out);
        wire.consume(step.consumed);
        if (body.refused()) {
            co_return verdict_.fail(Trouble::garbage, Fault::function_failed,
                                    "the function sent a broken body: " + body.refusal().detail);
        }
        if (!within_limit(step.produced)) co_return false;
        const std::string_view piece(out.data(), step.produced);
        if (!begun) {
            if (body.done()) reply_head_.content_length = piece.size();
            begun = co_await begin(piece);
            if (!begun) co_return false;
        } else if (!piece.empty()) {
            const bool written = co_await write(piece);
            if (!written) co_return false;
        }
        if (body.done()) co_return true;
        if (step.produced == out.size()) continue;

        auto direct = static_cast<std::size_t>(std::min<std::uint64_t>(body.direct(), out.size()));
        if (direct <= http::Wire::small_buffer) direct = 0;
        std::size_t size = 0;
        const bool received = co_await receive(size, out.first(direct));
        if (!received) co_return false;
        if (size == 0)
            co_return verdict_.fail(Trouble::closed, Fault::function_failed,
                                    "the function's reply ended before its last chunk");
        if (direct == 0) continue;
        body.advance(size);
        if (!within_limit(size)) co_return false;
        const bool written = co_await write(out.first(size));
        if (!written) co_return false;
    }
}

Task<bool> HttpRelay::pass_until_close() {
    auto& wire = up_.wire();
    const auto first = wire.buffered();
    if (!within_limit(first.size())) co_return false;
    const bool begun = co_await begin(first);
    if (!begun) co_return false;
    wire.consume(first.size());
    for (;;) {
        std::size_t size = 0;
        const auto into = reply_buffer_.room();
        const bool received = co_await receive(size, into);
        if (!received) co_return false;
        if (size == 0) co_return true;
        if (!within_limit(size)) co_return false;
        const bool written = co_await write(into.first(size));
        if (!written) co_return false;
    }
}

/// Receives into `into`; where that is empty, ahead. 0: the server has sent all it will.
Task<bool> HttpRelay::receive(std::size_t& received, std::span<char> into) {
    auto work = into.empty() ? up_.wire().fill(call_.deadline) : up_.wire().receive(into, call_.deadline);
    const auto got = co_await std::move(work);
    if (!got) co_return fail_receive(got);
    // Bytes that are always there would keep the sweep from seeing that the time is up.
    if (around_.clock.now() >= call_.deadline) co_return fail_receive(Error(Fault::timed_out, {}));
    received = *got;
    up_.grown = up_.grown || up_.wire().buffered().size() >= http::Wire::small_buffer;
    co_return true;
}

Task<bool> HttpRelay::begin(std::string_view first) {
    const std::span<const char> bytes(first.data(), first.size());
    const auto begun = co_await call_.reply.begin_with(std::move(reply_head_), bytes);
    if (!begun) co_return verdict_.fail_client(begun.error());
    co_return true;
}

Task<bool> HttpRelay::write(std::span<const char> bytes) {
    const auto written = co_await call_.reply.write(bytes);
    if (!written) co_return verdict_.fail_client(written.error());
    co_return true;
}

// ---- after 101

Task<void> HttpRelay::tunnel() {
    const auto first = up_.wire().buffered();
    const bool begun = co_await begin(first);
    if (!begun) co_return;
    up_.wire().consume(first.size());
    auto up = tunnel_up();
    auto down = tunnel_down();
    co_await async::race(std::move(up), std::move(down));
}

Task<void> HttpRelay::tunnel_up() {
    BodyBuffers::Borrowed buffer(buffers_);
    const auto into = buffer.room();
    for (;;) {
        const auto got = co_await call_.body.read(into);
        if (!got || *got == 0) co_return;
        const http::Wire::Parts parts{std::string_view(into.data(), *got), {}, {}};
        const auto sent = co_await up_.wire().send(parts, tunnel_stall);
        if (!sent) co_return;
    }
}

Task<void> HttpRelay::tunnel_down() {
    const auto into = reply_buffer_.room();
    for (;;) {
        const auto got = co_await up_.wire().receive(into, Instant::max());
        if (!got || *got == 0) co_return;
        const auto written = co_await call_.reply.write(into.first(*got));
        if (!written) co_return;
    }
}

// ---- what goes wrong

bool HttpRelay::within_limit(std::uint64_t more) {
    const auto& limit = around_.function->spec.limits.response_body;
    passed_ += more;
    if (!limit || passed_ <= *limit) return true;
    return verdict_.fail(Trouble::other, Fault::function_failed, "the reply is longer than limits.response_body");
}

bool HttpRelay::fail_receive(const Result<std::size_t>& received) {
    return verdict_.fail_receive(received, waits_for_client_, up_.wire().buffered().empty());
}

}  // namespace shallop::contract
