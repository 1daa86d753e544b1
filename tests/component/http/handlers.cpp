// SPDX-License-Identifier: Apache-2.0
#include "handlers.h"

#include <shallop/async/race.h>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <new>
#include <stdexcept>
#include <vector>

namespace shallop::test {

using async::Task;
using http::Exchange;
using http::Response;

namespace {

Response head_of(int status) {
    Response head;
    head.status = status;
    return head;
}

Task<void> text(Exchange& exchange, std::string body) {
    Response head = head_of(200);
    head.fields.push_back({"Content-Type", "text/plain"});
    (void)co_await exchange.reply(std::move(head), std::move(body));
}

/// The request's body as it comes, with the same length if it had one.
Task<void> echo(Exchange& exchange, std::atomic<base::Fault>& fault) {
    Response head = head_of(200);
    if (!exchange.request().chunked) head.content_length = exchange.request().content_length.value_or(0);
    std::vector<char> buffer(65536);
    const std::span<char> into(buffer);
    auto count = co_await exchange.read(into);
    if (count) {
        const std::span<const char> first(buffer.data(), *count);
        (void)co_await exchange.begin_with(std::move(head), first);
    }
    while (count && *count > 0) {
        count = co_await exchange.read(into);
        if (!count) break;
        const std::span<const char> bytes(buffer.data(), *count);
        const auto written = co_await exchange.write(bytes);
        if (!written) fault = written.error().fault;
        if (!written) co_return;
    }
    if (!count) fault = count.error().fault;
    if (count) (void)co_await exchange.finish();
}

/// The first `size` bytes of an endless "0123456789…", in pieces.
Task<void> big(Exchange& exchange, std::uint64_t size, bool length_known, std::atomic<base::Fault>& fault) {
    Response head = head_of(200);
    if (length_known) head.content_length = size;
    auto begun = co_await exchange.begin(std::move(head));
    std::string piece;
    while (piece.size() < 65000) piece += "0123456789";
    while (begun && size > 0) {
        const std::span<const char> bytes(piece.data(),
                                          static_cast<std::size_t>(std::min<std::uint64_t>(size, piece.size())));
        begun = co_await exchange.write(bytes);
        size -= bytes.size();
    }
    if (!begun) fault = begun.error().fault;
    if (begun) (void)co_await exchange.finish();
}

/// Begins a reply and leaves it unfinished.
Task<void> half(Exchange& exchange, bool length_known) {
    Response head = head_of(200);
    if (length_known) head.content_length = 10;
    const std::string_view five = "12345";
    const std::span<const char> bytes(five.data(), five.size());
    (void)co_await exchange.begin(std::move(head));
    (void)co_await exchange.write(bytes);
}

/// Writes more than it said; then fewer bytes than it said.
Task<void> liar(Exchange& exchange, std::atomic<base::Fault>& fault) {
    Response head = head_of(200);
    head.content_length = 3;
    const std::string_view text = "1234";
    const std::span<const char> four(text.data(), 4);
    const auto begun = co_await exchange.begin_with(head, four);
    if (!begun && !exchange.begun()) fault = begun.error().fault;
    (void)co_await exchange.begin(head);
    const std::span<const char> two(text.data(), 2);
    (void)co_await exchange.write(two);
    const auto written = co_await exchange.write(two);
    const auto finished = co_await exchange.finish();
    if (written || finished) fault = base::Fault::internal;
}

Task<void> limited(Exchange& exchange) {
    exchange.set_body_limit(10);
    std::vector<char> buffer(100);
    const std::span<char> into(buffer);
    auto count = co_await exchange.read(into);
    while (count && *count > 0) count = co_await exchange.read(into);
    Response head = head_of(count ? 200 : 413);
    std::string body = count ? "fits" : count.error().detail;
    (void)co_await exchange.reply(std::move(head), std::move(body));
}

Task<void> never(async::Clock& clock) { co_await clock.sleep_for(std::chrono::hours(1)); }

/// Says in headers what it was asked, and tries to split the reply.
Task<void> mirror(Exchange& exchange) {
    const auto& request = exchange.request();
    Response head = head_of(200);
    head.fields.push_back({"X-Method", request.method});
    head.fields.push_back({"X-Target", request.target});
    head.fields.push_back({"X-Host", request.host});
    head.fields.push_back({"X-Remote", request.remote_addr});
    head.fields.push_back({"X-Split", "a\r\nInjected: yes"});
    head.fields.push_back({"X Split", "no token"});
    head.fields.push_back({"Transfer-Encoding", "chunked"});
    head.fields.push_back({"Content-Length", "99"});
    head.reason = "Fine\r\nInjected: yes";
    std::string body = "mirror";
    (void)co_await exchange.reply(std::move(head), std::move(body));
}

/// Its work is cancelled half-way and it answers all the same.
Task<void> stopped(Exchange& exchange, async::Clock& clock) {
    bool unwound = false;
    try {
        exchange.task().cancel();
        co_await never(clock);
    } catch (const boost::system::system_error&) {
        unwound = true;
    }
    if (unwound) co_await boost::asio::this_coro::reset_cancellation_state();
    std::string body = unwound ? "stopped" : "not stopped";
    co_await text(exchange, std::move(body));
}

/// Sends back in capitals what comes, until a full stop or the end.
Task<void> upgraded(Exchange& exchange, std::atomic<base::Fault>& last_fault) {
    Response head = head_of(101);
    head.fields.push_back({"Upgrade", "capitals"});
    const auto begun = co_await exchange.begin(std::move(head));
    if (!begun) {
        last_fault = begun.error().fault;
        co_return;
    }
    std::array<char, 64> buffer{};
    while (true) {
        const auto got = co_await exchange.read(buffer);
        if (!got || *got == 0) break;
        const auto heard = std::span<char>(buffer).first(*got);
        std::transform(heard.begin(), heard.end(), heard.begin(),
                       [](char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); });
        (void)co_await exchange.write(heard);
        if (heard.back() == '.') break;
    }
    (void)co_await exchange.finish();
}

}  // namespace

Task<void> Scripted::handle(Exchange& exchange) {
    ++handled;
    const auto& path = exchange.request().path;
    const auto number = exchange.request().query.empty() ? 0 : std::stoull(exchange.request().query);
    if (path == "/echo") co_await echo(exchange, last_fault);
    if (path == "/big") co_await big(exchange, number, true, last_fault);
    if (path == "/big-chunked") co_await big(exchange, number, false, last_fault);
    if (path == "/half") co_await half(exchange, true);
    if (path == "/half-chunked") co_await half(exchange, false);
    if (path == "/liar") co_await liar(exchange, last_fault);
    if (path == "/limited") co_await limited(exchange);
    if (path == "/mirror") co_await mirror(exchange);
    if (path == "/throw") throw std::runtime_error("a bug");
    if (path == "/no-memory") throw std::bad_alloc();
    if (path == "/nothing") co_return;
    if (path == "/status") {
        Response head = head_of(static_cast<int>(number));
        std::string body = "some text";
        (void)co_await exchange.reply(std::move(head), std::move(body));
    }
    if (path == "/held") {
        while (released == 0) co_await clock_.sleep_for(std::chrono::milliseconds(2));
        std::string body = "held";
        co_await text(exchange, std::move(body));
    }
    if (path == "/until-gone") {
        auto work = never(clock_);
        auto gone_away = exchange.gone();
        const int first = co_await async::race(std::move(work), std::move(gone_away));
        if (first == 1) ++gone;
    }
    if (path == "/unwound-when-gone") {
        struct Unwound {
            std::atomic<int>& count;
            bool done = false;
            ~Unwound() { count += done ? 0 : 1; }
        } unwound{gone};
        exchange.cancel_when_gone(true);
        co_await never(clock_);
        unwound.done = true;
    }
    if (path == "/stopped") co_await stopped(exchange, clock_);
    if (path == "/upgrade") co_await upgraded(exchange, last_fault);
    if (path == "/hello" || path == "/") {
        std::string body = "hello";
        co_await text(exchange, std::move(body));
    }
}

}  // namespace shallop::test
