// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/syntax.h>

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

bool asks_upgrade(const Request& request) {
    if (request.version < 11 || request.chunked || request.content_length.value_or(0) > 0) return false;
    const auto* connection = base::find_field(request.fields, "connection");
    return connection != nullptr && list_has(*connection, "upgrade") &&
           base::find_field(request.fields, "upgrade") != nullptr;
}

BodyDecoder decoder_for(const Request& request, const Limits& limits) {
    if (request.chunked) return BodyDecoder::chunked(limits);
    return BodyDecoder::fixed(request.content_length.value_or(0));
}

}  // namespace

HttpExchange::HttpExchange(Shared& shared, Wire& wire, async::Canceller& task, Head& head)
    : shared_(shared),
      wire_(wire),
      task_(task),
      request_(head.request),
      asked_(request_),
      content_length_(request_.content_length),
      chunked_(request_.chunked),
      wants_keep_alive_(request_.keep_alive),
      expects_continue_(head.expects_continue),
      wants_upgrade_(asks_upgrade(request_)),
      body_(decoder_for(request_, shared.limits)),
      rate_credit_(shared.limits.body_grace) {}

Task<Status> Exchange::begin_with(Response head, std::span<const char> first) {
    auto begun = co_await begin(std::move(head));
    if (!begun || first.empty()) co_return begun;
    co_return co_await write(first);
}

// ---- the request's body

Task<Result<std::size_t>> HttpExchange::read(std::span<char> into) {
    base::ensure(!into.empty(), "a body is read into some room");
    if (framing_ == Framing::upgraded) co_return co_await read_raw(into);
    if (read_refusal_.status != 0) co_return Error(Fault::invalid, read_refusal_.detail);
    if (body_.done()) co_return std::size_t{0};
    if (content_length_.value_or(0) > body_limit_) {
        co_return fail_read(413, Fault::too_large,
                            "The body is longer than " + std::to_string(body_limit_) + " bytes.");
    }
    if (expects_continue_ && !read_started_ && !begun_ && wire_.buffered().empty()) {
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

/// After an upgrade there is no framing: what was read ahead, then what comes.
Task<Result<std::size_t>> HttpExchange::read_raw(std::span<char> into) {
    const auto ahead = wire_.buffered();
    if (ahead.empty()) co_return co_await wire_.receive(into, Instant::max());
    const auto count = std::min(ahead.size(), into.size());
    std::copy_n(ahead.begin(), count, into.begin());
    wire_.consume(count);
    co_return count;
}

Task<Result<std::size_t>> HttpExchange::read_some(std::span<char> into) {
    while (!body_.done()) {
        const auto step = body_.decode(wire_.buffered(), into);
        wire_.consume(step.consumed);
        if (body_.refused()) {
            const auto& [status, detail] = body_.refusal();
            co_return fail_read(status, status == 431 ? Fault::too_large : Fault::invalid, detail);
        }
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
    return {fault, std::move(detail), status == 431 ? "head" : ""};
}

Error HttpExchange::fail_read(const Error& error) {
    if (read_refusal_.status == 0) {
        const bool slow = error.fault == Fault::timed_out;
        read_refusal_ = {slow ? 408 : 400, slow ? "The body came too slowly." : error.detail};
    }
    return error.fault == Fault::timed_out ? Error(Fault::timed_out, read_refusal_.detail) : error;
}

Task<bool> HttpExchange::drain_body() {
    if (body_.done()) co_return true;
    const bool unasked = expects_continue_ && !read_started_ && wire_.buffered().empty();
    if (unasked || read_refusal_.status != 0 || content_length_.value_or(0) > received_ + drained_bytes)
        co_return false;
    read_until_ = shared_.clock.now() + drained_time;
    body_limit_ = received_ + drained_bytes;
    if (content_length_) body_limit_ = *content_length_;
    std::string scratch(4096, '\0');
    const std::span<char> into(scratch);
    while (!body_.done() && shared_.clock.now() < read_until_) {
        const auto count = co_await read(into);
        if (!count) co_return false;
    }
    co_return body_.done();
}

std::optional<std::uint64_t> HttpExchange::declared_left() const {
    if (chunked_) return std::nullopt;
    return content_length_.value_or(0) - std::min(received_, content_length_.value_or(0));
}

// ---- the reply

Task<Status> HttpExchange::begin(Response head) { return begin_with(std::move(head), {}); }

Status HttpExchange::check_head(const Response& head, std::size_t first) const {
    if (begun_) return Error(Fault::internal, "a reply is begun once");
    if (head.status == 101 && !wants_upgrade_)
        return Error(Fault::internal, "a request that asks for no upgrade gets none");
    if (head.status != 101 && (head.status < 200 || head.status > 599))
        return Error(Fault::internal, "a reply's status lies between 200 and 599");
    if (head.content_length && first > *head.content_length) return too_long();
    return {};
}

void HttpExchange::start(std::string& out, const Response& head) {
    begun_ = true;
    framing_ = framing_of(head, asked_);
    left_ = head.content_length.value_or(0);
    // A body that was refused, or that the client holds back until it is asked for, leaves the connection in no state
    // to go on.
    const bool body_in_doubt = read_refusal_.status != 0 || (expects_continue_ && !read_started_ && !body_.done());
    keep_alive_ = wants_keep_alive_ && !head.close && !shared_.draining && !body_in_doubt &&
                  framing_ != Framing::until_close && framing_ != Framing::upgraded;
    // The peer may end its direction first, and is read to the end.
    if (framing_ == Framing::upgraded) wire_.cancel_when_gone(nullptr);
    append_head(out, head, asked_, framing_, keep_alive_, shared_.date.at(shared_.clock.wall()), shared_.log);
}

Task<Status> HttpExchange::begin_with(Response head, std::span<const char> first) {
    const bool bodiless = framing_of(head, asked_) == Framing::none;
    std::string_view body(first.data(), bodiless ? 0 : first.size());
    const auto checked = check_head(head, body.size());
    if (!checked) co_return checked;
    auto& bytes = shared_.scratch;
    bytes.clear();
    start(bytes, head);
    std::string_view after;
    if (framing_ == Framing::length) left_ -= body.size();
    if (framing_ == Framing::chunked && !body.empty()) {
        char size[20];
        const auto end = std::to_chars(size, size + sizeof size, body.size(), 16).ptr;
        bytes.append(size, end).append("\r\n");
        after = "\r\n";
    }
    Wire::Parts parts{bytes, body, after};
    if (!wire_.send_at_once(parts)) {
        const std::string kept(parts[0]);  // the scratch is the next one's while this waits
        parts[0] = kept;
        const auto sent = co_await wire_.send(parts, shared_.limits.write_time);
        if (!sent) co_return sent;
    }
    settle();
    co_return Status();
}

/// A reply whose length was told, or that has no body, is whole as soon as its last byte is sent.
void HttpExchange::settle() { finished_ = (framing_ == Framing::length && left_ == 0) || framing_ == Framing::none; }

Task<Status> HttpExchange::write(std::span<const char> bytes) {
    if (!begun_) co_return Error(Fault::internal, "a body is written after begin");
    const std::string_view body(bytes.data(), bytes.size());
    if (body.empty() || framing_ == Framing::none) co_return Status();
    if (finished_) co_return framing_ == Framing::length ? too_long() : Error(Fault::internal, "the reply has ended");
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
    if (!wire_.send_at_once(parts)) {
        const auto sent = co_await wire_.send(parts, shared_.limits.write_time);
        if (!sent) co_return sent;
    }
    settle();
    co_return Status();
}

Task<Status> HttpExchange::finish() {
    if (!begun_) co_return Error(Fault::internal, "a reply is finished after begin");
    if (finished_) co_return Status();
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
    co_return co_await begin_with(std::move(head), first);
}

}  // namespace shallop::http
