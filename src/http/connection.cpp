// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/memory.h>
#include <shallop/http/problem.h>

#include <http/connection.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <sys/socket.h>
#include <algorithm>
#include <new>

namespace shallop::http {
namespace {

constexpr auto linger_time = std::chrono::seconds(2);
constexpr std::uint64_t linger_bytes = 256 * 1024;  ///< for a body without a declared length
constexpr int requests_in_turn = 16;                ///< pipelined ones answered before others have a turn of the loop
constexpr std::string_view all_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// A head and the empty line before it fit, so that the parser decides, not the buffer.
std::size_t buffer_for(const Limits& limits) {
    return static_cast<std::size_t>(std::max(limits.head, limits.target + 256)) + 256;
}

const char* word_for(int status) {
    if (status == 414 || status == 431) return "head_too_large";
    if (status == 503) return "memory";
    return status == 408 ? "slow_head" : "malformed";
}

/// No record of TLS begins with a letter, and each request without it does.
bool begins_method(unsigned char first) { return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z'); }

/// OPTIONS * asks about the server itself (RFC 9110 9.3.7).
Task<void> answer_options(HttpExchange& exchange) {
    Response head;
    head.status = 204;
    head.fields.push_back({"Allow", std::string(all_methods)});
    std::string body;
    (void)co_await exchange.reply(std::move(head), std::move(body));
}

constexpr const char* no_memory = "The server is short of memory; try again soon.";

/// Returns whether it was for want of memory.
bool report(base::Log& log, const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
        base::tell_new_handler();
        return true;
    } catch (const std::exception& error) {
        log.error("handler failed", {{"error", error.what()}});
    } catch (...) {
        log.error("handler failed", {{"error", "not a std::exception"}});
    }
    return false;
}

}  // namespace

Connection::Connection(Shared& shared, async::Canceller& task, base::Fd fd, Ends ends)
    : shared_(shared),
      task_(task),
      ends_(std::move(ends)),
      wire_(shared.roster, shared.executor, shared.clock, std::move(fd), ends_.family, buffer_for(shared.limits)),
      parser_(shared.limits) {}

/// A request in plain text is told so; whoever sends nothing is closed as an idle connection is, and makes room as one.
Task<bool> Connection::secure() {
    if (shared_.draining) wire_.receive_no_more();
    const auto first = co_await wire_.first_byte(shared_.clock.now() + shared_.limits.idle);
    if (!first || !*first) co_return false;
    if (begins_method(**first)) {
        Refusal plain{400,
                      "This port speaks https: the same request to an address that begins with https:// is answered."};
        report_refused("plain_http", plain.detail);
        co_await answer(std::move(plain), false);
        co_return false;
    }
    auto tls = shared_.tls;
    const auto secured = co_await wire_.secure(std::move(tls), shared_.clock.now() + shared_.limits.head_time);
    if (secured) co_return true;
    auto why = secured.error();
    co_await end_handshake(std::move(why));
    co_return false;
}

/// The peer is to read the alert that OpenSSL has sent, before the socket closes.
Task<void> Connection::end_handshake(base::Error why) {
    report_refused(why.fault == base::Fault::timed_out ? "slow_handshake" : "handshake", why.detail);
    if (why.fault == base::Fault::invalid) co_await linger(linger_bytes);
}

/// One frame for the common request. Whatever the handler did, a reply has begun afterwards, unless the client was seen to be gone.
Task<void> Connection::serve() {
    for (int served = 1;; ++served) {
        if (served % requests_in_turn == 0) co_await boost::asio::post(shared_.executor, async::use_task);
        if (shared_.draining) wire_.receive_no_more();
        const auto alive = co_await wire_.wait_idle(shared_.clock.now() + shared_.limits.idle);
        if (!alive || !*alive) co_return;
        const auto progress = parser_.parse(wire_.buffered());
        if (progress != HeadParser::Progress::done) {
            const bool complete = co_await read_rest(progress);
            if (!complete) co_return;
        }
        wire_.consume(parser_.size());
        const auto pressure = shared_.pressure();
        if (pressure >= Pressure::refuse) {
            Refusal later{503, no_memory};
            co_return co_await refuse(std::move(later), parser_.for_head_method());
        }
        if (pressure == Pressure::close) parser_.head().request.keep_alive = false;
        HttpExchange exchange(shared_, wire_, task_, head());
        std::exception_ptr thrown;
        try {
            if (exchange.request().path == "*") {
                co_await answer_options(exchange);
            } else {
                co_await shared_.handler.handle(exchange);
            }
        } catch (...) {
            thrown = std::current_exception();
        }
        if (thrown) {
            const auto state = co_await boost::asio::this_coro::cancellation_state;
            if (state.cancelled() != boost::asio::cancellation_type::none) std::rethrow_exception(thrown);
            lacked_memory_ = report(shared_.log, thrown);
        }
        const bool in_order = exchange.finished() && exchange.body_done() && exchange.keep_alive();
        if (!in_order) {
            const bool again = co_await end(exchange);
            if (!again) co_return;
        }
        parser_.start();
    }
}

/// Of the request that has come whole.
Head& Connection::head() {
    auto& head = parser_.head();
    head.request.remote_addr = ends_.remote_addr;
    head.request.remote_port = ends_.remote_port;
    head.request.local_port = ends_.local_port;
    head.request.tls = wire_.secured();
    return head;
}

/// A head that did not come in one piece, or is refused. False: the connection is to end, and the client has been told why if there is a
/// reason.
Task<bool> Connection::read_rest(HeadParser::Progress progress) {
    const auto until = shared_.clock.now() + shared_.limits.head_time;
    while (progress != HeadParser::Progress::done) {
        if (progress == HeadParser::Progress::refused) {
            Refusal why = parser_.refusal();
            co_await refuse(std::move(why), parser_.for_head_method());
            co_return false;
        }
        const auto received = co_await wire_.fill(until);
        if (!received && received.error().fault == base::Fault::timed_out && parser_.begun()) {
            Refusal slow{408, "The request's head did not arrive in time."};
            co_await refuse(std::move(slow), false);
        }
        if (!received || *received == 0) co_return false;
        progress = parser_.parse(wire_.buffered());
    }
    co_return true;
}

/// What is left to do after a handler that did not leave all in order. Whether the connection serves another request.
Task<bool> Connection::end(HttpExchange& exchange) {
    if (!exchange.begun() && !wire_.seen_gone()) co_await fail(exchange);
    if (!exchange.finished()) {
        // Without a length or chunks a clean end would look like the end of the body.
        if (exchange.begun() && exchange.framing() == Framing::until_close) wire_.reset_on_close();
        co_return false;
    }
    const bool drained = co_await exchange.drain_body();
    if (drained && exchange.keep_alive()) co_return true;
    const auto left = exchange.declared_left().value_or(linger_bytes);
    if (!drained || !wire_.buffered().empty()) co_await linger(left);
    co_return false;
}

/// The reply of a handler that gave none.
Task<void> Connection::fail(HttpExchange& exchange) {
    Problem what;
    what.status = lacked_memory_ ? 503 : 500;
    what.detail = lacked_memory_ ? no_memory : "The server failed to answer this request.";
    if (exchange.read_refusal().status != 0) {
        what.status = exchange.read_refusal().status;
        what.detail = exchange.read_refusal().detail;
    }
    std::string body;
    Response head = problem(what, body);
    if (what.status == 503) head.fields.push_back({"Retry-After", "1"});
    (void)co_await exchange.reply(std::move(head), std::move(body));
}

void Connection::report_refused(const char* word, const std::string& detail) const {
    if (shared_.on_refused) shared_.on_refused(word);
    shared_.log.debug("refused", {{"remote", ends_.remote_addr}, {"reason", word}, {"detail", detail}});
}

/// Answers a head that cannot be served, and ends the connection: where the next request would start is not known.
Task<void> Connection::refuse(Refusal refusal, bool for_head_method) {
    report_refused(word_for(refusal.status), refusal.detail);
    return answer(std::move(refusal), for_head_method);
}

Task<void> Connection::answer(Refusal refusal, bool for_head_method) {
    Problem what;
    what.status = refusal.status;
    what.detail = std::move(refusal.detail);
    std::string body;
    Response reply = problem(what, body);
    if (what.status == 503) reply.fields.push_back({"Retry-After", "1"});
    const auto bytes =
        write_head(reply, Asked(), Framing::length, false, shared_.date.at(shared_.clock.wall()), shared_.log);
    const Wire::Parts parts{bytes, for_head_method ? std::string_view() : std::string_view(body), {}};
    const auto sent = co_await wire_.send(parts, shared_.limits.write_time);
    if (sent) co_await linger(linger_bytes);
}

Task<void> Connection::linger(std::uint64_t bytes) { co_await wire_.linger(bytes, shared_.clock.now() + linger_time); }

Task<void> serve_connection(Shared& shared, async::Canceller& task, base::Fd fd, Ends ends) {
    const bool tls = shared.tls && ends.family != AF_UNIX;
    Connection connection(shared, task, std::move(fd), std::move(ends));
    if (tls) {
        const bool secured = co_await connection.secure();
        if (!secured) co_return;
    }
    co_await connection.serve();
}

}  // namespace shallop::http
