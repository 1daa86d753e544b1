// SPDX-License-Identifier: Apache-2.0
#include <http/http_exchange.h>

#include <algorithm>
#include <charconv>

namespace shallop::http {

using base::Error;
using base::Fault;

namespace {

constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";
constexpr std::uint64_t drained_bytes = 64 * 1024;
constexpr auto drained_time = std::chrono::seconds(1);

Error too_long() { return {Fault::invalid, "The reply's body is longer than its Content-Length."}; }

BodyDecoder decoder_for(const Request& request, const Limits& limits) {
    if (request.chunked) return BodyDecoder::chunked(limits);
    return BodyDecoder::fixed(request.content_length.value_or(0));
}

}  // namespace

HttpExchange::HttpExchange(Shared& shared, Wire& wire, Head head)
    : shared_(shared),
      wire_(wire),
      head_(std::move(head)),
      body_(decoder_for(head_.request, shared.limits)),
      rate_credit_(shared.limits.body_grace) {}

Task<Status> Exchange::begin_with(Response head, std::span<const char> first) {
    auto begun = co_await begin(std::move(head));
    if (!begun || first.empty()) co_return begun;
    co_return co_await write(first);
}

// ---- the request's body

Task<Result<std::size_t>> HttpExchange::read(std::span<char> into) {
    base::ensure(!into.empty(), "a body is read into some room");
    if (read_refusal_.status != 0) co_return Error(Fault::invalid, read_refusal_.detail);
    if (body_.done()) co_return std::size_t{0};
    if (head_.request.content_length.value_or(0) > body_limit_) {
        co_return fail_read(413, Fault::too_large,
                            "The body is longer than " + std::to_string(body_limit_) + " bytes.");
    }
    if (head_.expects_continue && !read_started_ && !begun_ && wire_.buffered().empty()) {
        const Wire::Parts parts{continue_head, {}, {}};
        const auto sent = co_await wire_.send(parts, shared_.limits.write_time);
        if (!sent) co_return fail_read(sent.error());
    }
    read_started_ = true;
    auto count = co_await read_some(into);
    if (!count) co_return fail_read(count.error());
    received_ += *count;
    if (received_ > body_limit_) {
        co_return fail_read(413, Fault::too_large,
                            "The body is longer than " + std::to_string(body_limit_) + " bytes.");
    }
    co_return count;
}

Task<Result<std::size_t>> HttpExchange::read_some(std::span<char> into) {
    while (!body_.done()) {
        const auto step = body_.decode(wire_.buffered(), into);
        wire_.consume(step.consumed);
        if (body_.refused()) co_return fail_read(body_.refusal().status, Fault::invalid, body_.refusal().detail);
        if (step.produced > 0) co_return step.produced;
        if (body_.done()) break;

        const auto started = shared_.clock.now();
        const auto until = std::min(started + rate_credit_, read_until_);
        const auto direct = static_cast<std::size_t>(std::min<std::uint64_t>(body_.direct(), into.size()));
        auto work = direct > 0 ? wire_.receive(into.first(direct), until) : wire_.fill(until);
        const auto received = co_await std::move(work);
        if (!received) co_return received.error();
        if (*received == 0) co_return Error(Fault::client_gone, "The client has hung up before the end of the body.");
        count_rate(started, *received);
        if (direct > 0) {
            body_.advance(*received);
            co_return *received;
        }
    }
    co_return std::size_t{0};
}

/// A client that sends body_rate bytes a second never runs out of credit; one that is silent does after body_grace.
void HttpExchange::count_rate(Instant started, std::size_t received) {
    const auto& limits = shared_.limits;
    const auto earned = std::chrono::duration<double>(static_cast<double>(received) /
                                                      static_cast<double>(std::max<Bytes>(limits.body_rate, 1)));
    const auto credit = rate_credit_ - (shared_.clock.now() - started);
    const auto most = std::chrono::duration<double>(limits.body_grace - credit);
    rate_credit_ = earned >= most ? limits.body_grace : credit + std::chrono::duration_cast<Duration>(earned);
}

Error HttpExchange::fail_read(int status, Fault fault, std::string detail) {
    read_refusal_ = {status, detail};
    return {fault, std::move(detail)};
}

Error HttpExchange::fail_read(const Error& error) {
    if (read_refusal_.status == 0) {
        const bool slow = error.fault == Fault::timed_out;
        read_refusal_ = {slow ? 408 : 400, slow ? "The body came too slowly." : error.detail};
    }
    return error;
}

Task<bool> HttpExchange::drain_body() {
    if (body_.done()) co_return true;
    const bool unasked = head_.expects_continue && !read_started_ && wire_.buffered().empty();
    if (unasked || read_refusal_.status != 0 || head_.request.content_length.value_or(0) > received_ + drained_bytes)
        co_return false;
    read_until_ = shared_.clock.now() + drained_time;
    body_limit_ = received_ + drained_bytes;
    if (head_.request.content_length) body_limit_ = *head_.request.content_length;
    std::string scratch(4096, '\0');
    const std::span<char> into(scratch);
    while (!body_.done() && shared_.clock.now() < read_until_) {
        const auto count = co_await read(into);
        if (!count) co_return false;
    }
    co_return body_.done();
}

std::optional<std::uint64_t> HttpExchange::declared_left() const {
    if (head_.request.chunked) return std::nullopt;
    return head_.request.content_length.value_or(0) - std::min(received_, head_.request.content_length.value_or(0));
}

// ---- the reply

Task<Status> HttpExchange::begin(Response head) { return begin_with(std::move(head), {}); }

Status HttpExchange::check_head(const Response& head, std::size_t first) const {
    if (begun_) return Error(Fault::internal, "a reply is begun once");
    if (head.status < 200 || head.status > 599)
        return Error(Fault::internal, "a reply's status lies between 200 and 599");
    if (head.content_length && first > *head.content_length) return too_long();
    return {};
}

std::string HttpExchange::start(const Response& head) {
    begun_ = true;
    framing_ = framing_of(head, head_.request);
    left_ = head.content_length.value_or(0);
    // A body that was refused, or that the client holds back until it is asked for, leaves the connection in no state
    // to go on.
    const bool body_in_doubt = read_refusal_.status != 0 || (head_.expects_continue && !read_started_ && !body_.done());
    keep_alive_ = head_.request.keep_alive && !head.close && !shared_.draining && !body_in_doubt &&
                  framing_ != Framing::until_close;
    return write_head(head, head_.request, framing_, keep_alive_, shared_.date.at(shared_.clock.wall()), shared_.log);
}

Task<Status> HttpExchange::begin_with(Response head, std::span<const char> first) {
    const bool bodiless = framing_of(head, head_.request) == Framing::none;
    std::string_view body(first.data(), bodiless ? 0 : first.size());
    const auto checked = check_head(head, body.size());
    if (!checked) co_return checked;
    std::string bytes = start(head);
    std::string_view after;
    if (framing_ == Framing::length) left_ -= body.size();
    if (framing_ == Framing::chunked && !body.empty()) {
        char size[20];
        const auto end = std::to_chars(size, size + sizeof size, body.size(), 16).ptr;
        bytes.append(size, end).append("\r\n");
        after = "\r\n";
    }
    const Wire::Parts parts{bytes, body, after};
    co_return co_await wire_.send(parts, shared_.limits.write_time);
}

Task<Status> HttpExchange::write(std::span<const char> bytes) {
    if (!begun_ || finished_) co_return Error(Fault::internal, "a body is written between begin and finish");
    const std::string_view body(bytes.data(), bytes.size());
    if (body.empty() || framing_ == Framing::none) co_return Status();
    Wire::Parts parts{body, {}, {}};
    char size[24];
    if (framing_ == Framing::length) {
        if (body.size() > left_) co_return too_long();
        left_ -= body.size();
    } else if (framing_ == Framing::chunked) {
        char* end = std::to_chars(size, size + sizeof size - 2, body.size(), 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        parts = {std::string_view(size, static_cast<std::size_t>(end - size)), body, "\r\n"};
    }
    co_return co_await wire_.send(parts, shared_.limits.write_time);
}

Task<Status> HttpExchange::finish() {
    if (!begun_ || finished_) co_return Error(Fault::internal, "a reply is finished once, after begin");
    if (framing_ == Framing::length && left_ > 0)
        co_return Error(Fault::invalid, "The reply's body is shorter than its Content-Length.");
    if (framing_ == Framing::chunked) {
        const Wire::Parts parts{last_chunk, {}, {}};
        const auto sent = co_await wire_.send(parts, shared_.limits.write_time);
        if (!sent) co_return sent;
    }
    finished_ = true;
    co_return Status();
}

Task<Status> HttpExchange::reply(Response head, std::string body) {
    head.content_length = body.size();
    const std::span<const char> first(body);
    const auto sent = co_await begin_with(std::move(head), first);
    if (!sent) co_return sent;
    finished_ = true;
    co_return sent;
}

}  // namespace shallop::http
