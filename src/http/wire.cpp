// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/wire.h>

#include <http/draining_receive.h>
#include <http/tls_stream.h>
#include <http/wire_waits.h>

#include <boost/asio/deferred.hpp>
#include <boost/asio/redirect_error.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace shallop::http {

namespace asio = boost::asio;
using async::use_task;

namespace {

constexpr std::size_t linger_buffer = 16 * 1024;

/// What all receives are made of, to be awaited: an operation, for a Task of its own would be a frame more. The flag, for O_NONBLOCK can be taken
/// back by whoever shares the file description.
auto receiving(Socket& socket, std::span<char> into, boost::system::error_code& failed) {
    const DrainingBuffer buffer(into.data(), into.size());
    return socket.async_receive(buffer, MSG_DONTWAIT, asio::redirect_error(asio::deferred, failed));
}

}  // namespace

Wire::Wire(Roster& roster, async::Executor executor, async::Clock& clock, base::Fd fd, int family,
           std::size_t largest_buffer)
    : roster_(roster), executor_(executor), clock_(clock), socket_(executor), largest_buffer_(largest_buffer) {
    socket_.assign(asio::generic::stream_protocol(family, family == AF_UNIX ? 0 : IPPROTO_TCP), fd.get());
    (void)fd.release();
    place_ = roster_.add(*this);
}

Wire::~Wire() {
    if (tls_ && !broken_ && !cut_) tls_->say_goodbye();
    roster_.remove(place_, idle_);
}

void Wire::consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
}

/// Compacts, or grows after a fill that took all there was room for.
std::span<char> Wire::make_room() {
    const auto used = end_ - begin_;
    auto capacity = std::max(capacity_, small_buffer);
    while (capacity < largest_buffer_ && (used == capacity || filled_up_)) {
        capacity = std::min(capacity * 4, largest_buffer_);
        filled_up_ = false;
    }
    if (capacity != capacity_) {
        auto larger = std::make_unique_for_overwrite<char[]>(capacity);
        if (used > 0) std::memcpy(larger.get(), buffer_.get() + begin_, used);
        buffer_ = std::move(larger);
        capacity_ = capacity;
    } else if (begin_ > 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, used);
    }
    begin_ = 0;
    end_ = used;
    base::ensure(end_ < capacity_, "a read-ahead buffer has room");
    return {buffer_.get() + end_, capacity_ - end_};
}

/// `count` bytes have come to the end of the buffer.
void Wire::filled(std::size_t room, std::size_t count) {
    end_ += count;
    drained_ = count < room;
    filled_up_ = end_ == capacity_;
}

Task<Result<std::size_t>> Wire::fill(Instant until) { return tls_ ? fill_tls(until) : fill_plain(until); }

Task<Result<std::size_t>> Wire::fill_plain(Instant until) {
    const auto room = make_room();
    if (receive_expired_) co_return late();
    if (const auto at_once = try_receive(room)) {
        if (*at_once) filled(room.size(), **at_once);
        co_return *at_once;
    }
    const Until waiting(receive_until_, until);
    boost::system::error_code failed;
    auto operation = receiving(socket_, room, failed);
    const auto count = co_await std::move(operation);
    filled(room.size(), count);
    co_return received(failed, count);
}

Task<Result<std::size_t>> Wire::receive(std::span<char> into, Instant until) {
    return tls_ ? receive_tls(into, until) : receive_plain(into, until);
}

Task<Result<std::size_t>> Wire::receive_plain(std::span<char> into, Instant until) {
    if (receive_expired_) co_return late();
    if (const auto at_once = try_receive(into)) co_return *at_once;
    const Until waiting(receive_until_, until);
    boost::system::error_code failed;
    auto operation = receiving(socket_, into, failed);
    const auto count = co_await std::move(operation);
    drained_ = count < into.size();
    co_return received(failed, count);
}

/// In the middle of something, after a receive that took all there was: the end of the stream may have come with that. Nothing: it has not, and
/// there are no bytes either.
std::optional<Result<std::size_t>> Wire::try_receive(std::span<char> into) {
    if (!std::exchange(drained_, false)) return std::nullopt;
    const auto count = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (count > 0) {
        drained_ = static_cast<std::size_t>(count) < into.size();
        return static_cast<std::size_t>(count);
    }
    if (count == 0) return received(asio::error::eof, 0);
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
    return received(boost::system::error_code(errno, boost::system::system_category()), 0);
}

Result<std::size_t> Wire::received(const boost::system::error_code& failed, std::size_t count) {
    sent_in_turn_ = 0;
    if (!failed) return count;
    unwind_if_cancelled(failed);
    if (receive_expired_) return late();
    if (failed != asio::error::eof) broken_ = true;
    hung_up();
    if (broken_) return hung_up_error();
    return std::size_t{0};
}

Task<Status> Wire::send(Parts parts, Duration stall) {
    // Unwound half-way, the stream is of no more use: what is sent next would land in the middle of this.
    struct AllOrBroken {
        explicit AllOrBroken(bool& b) : broken(b) {}
        AllOrBroken(const AllOrBroken&) = delete;
        AllOrBroken& operator=(const AllOrBroken&) = delete;
        ~AllOrBroken() { broken = broken || !all; }
        bool& broken;
        bool all = false;
    } outcome(broken_);
    while (true) {
        const bool sent = send_at_once(parts);
        if (broken_) co_return hung_up_error();
        if (sent) {
            outcome.all = true;
            co_return Status();
        }
        const Until waiting(send_until_, clock_.now() + stall);
        boost::system::error_code failed;
        auto token = asio::redirect_error(use_task, failed);
        co_await socket_.async_wait(Socket::wait_write, token);
        unwind_if_cancelled(failed);
        sent_in_turn_ = 0;
    }
}

bool Wire::send_at_once(Parts& parts) {
    if (broken_ || sent_in_turn_ >= turn_bytes) return false;
    if (tls_) return send_at_once_tls(parts);
    std::array<iovec, std::tuple_size_v<Parts>> vectors{};
    std::size_t total = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
        total += parts[i].size();
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = parts.size();
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
        broken_ = true;
        hung_up();
        return false;
    }
    sent_in_turn_ += static_cast<std::size_t>(sent);
    auto left = static_cast<std::size_t>(sent);
    for (auto& part : parts) {
        const auto cut = std::min(left, part.size());
        part.remove_prefix(cut);
        left -= cut;
    }
    return static_cast<std::size_t>(sent) == total;
}

void Wire::shrink() {
    filled_up_ = false;
    if (capacity_ <= small_buffer || begin_ != end_) return;
    buffer_.reset();
    capacity_ = 0;
}

Task<Result<bool>> Wire::wait_idle(Instant until) { return tls_ ? wait_idle_tls(until) : wait_idle_plain(until); }

Task<Result<bool>> Wire::wait_idle_plain(Instant until) {
    if (!buffered().empty()) co_return true;
    if (receive_expired_) co_return late();
    shrink();
    const Idle idle(*this);
    const auto room = make_room();
    const Until waiting(receive_until_, until);
    boost::system::error_code failed;
    auto operation = receiving(socket_, room, failed);
    const auto count = co_await std::move(operation);
    filled(room.size(), count);
    const auto got = received(failed, count);
    if (!got) co_return got.error();
    co_return *got > 0;
}

Task<void> Wire::linger(std::uint64_t bytes, Instant until) {
    if (broken_ || receive_expired_) co_return;
    if (tls_) tls_->say_goodbye();
    ::shutdown(socket_.native_handle(), SHUT_WR);
    std::vector<char> scratch(linger_buffer);
    const std::span<char> into(scratch);
    while (true) {
        const auto received = co_await receive_plain(into, until);
        if (!received || *received == 0 || *received >= bytes) co_return;
        bytes -= *received;
    }
}

void Wire::reset_on_close() {
    cut_ = true;
    const struct ::linger hard{1, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

Task<void> Wire::gone() {
    struct Watching {
        explicit Watching(int& n) : count(n) { ++count; }
        Watching(const Watching&) = delete;
        Watching& operator=(const Watching&) = delete;
        ~Watching() { --count; }
        int& count;
    };
    if (!gone_changed_) gone_changed_ = std::make_unique<async::Condition>(executor_);
    const Watching watching(watchers_);
    while (!gone_) co_await gone_changed_->wait();
}

bool Wire::expire(Instant now) {
    const bool receive_late = now >= receive_until_;
    const bool send_late = now >= send_until_;
    // Shutting down a direction ends the operation that waits on it, whoever's Task that is.
    if (receive_late && !receive_expired_) {
        receive_expired_ = true;
        receive_no_more();
    }
    if (send_late && !broken_) {
        broken_ = true;
        hung_up();
        ::shutdown(socket_.native_handle(), SHUT_RDWR);
    }
    return receive_late || send_late;
}

void Wire::evict() {
    roster_.to_busy(place_);
    idle_ = false;
    receive_no_more();
}

void Wire::receive_no_more() {
    receive_shut_ = true;
    ::shutdown(socket_.native_handle(), SHUT_RD);
}

pollfd Wire::watched() {
    // One that has just become idle may have missed an end of stream that came with its last request: see DrainingBuffer.
    const bool watched = watchers_ > 0 || task_ != nullptr || std::exchange(fresh_idle_, false);
    if (!watched || gone_ || receive_shut_) return {-1, 0, 0};
    // The end of what a peer has to say may be a record, which nobody sees who does not look.
    const bool look = tls_ && !tls_->awaited && !tls_->has_pending();
    return {socket_.native_handle(), static_cast<short>(look ? POLLRDHUP | POLLIN : POLLRDHUP), 0};
}

void Wire::noticed(short events) {
    const bool ended = (events & ~POLLIN) != 0;
    if (ended || tls_->seen_end()) hung_up();
}

bool Wire::is_quiet() {
    char byte = 0;
    return begin_ == end_ && !broken_ && !gone_ && !(tls_ && tls_->has_pending()) &&
           ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void Wire::hung_up() {
    gone_ = true;
    if (idle_) receive_no_more();  // ends the wait for a request that will not come
    if (gone_changed_) gone_changed_->notify_all();
    if (auto* task = std::exchange(task_, nullptr)) task->cancel();
}

}  // namespace shallop::http
