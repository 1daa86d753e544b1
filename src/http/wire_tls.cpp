// SPDX-License-Identifier: Apache-2.0
// Wire over TLS.
#include <shallop/http/wire.h>

#include <http/tls_stream.h>
#include <http/wire_waits.h>

#include <boost/asio/redirect_error.hpp>

#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shallop::http {

namespace asio = boost::asio;
using async::use_task;
using base::Error;
using base::Fault;
using Step = TlsStream::Step;

namespace {

constexpr std::size_t record_bytes = 16 * 1024;  ///< at most (RFC 8446 5.1)
constexpr std::size_t gathered_bytes = 4096;     ///< so many are copied at most to make one record of several parts

/// The parts' first bytes, in one piece; of the same parts always the same.
std::string_view gather(const Wire::Parts& parts, std::span<char, gathered_bytes> into) {
    const auto first = std::find_if(parts.begin(), parts.end(), [](const auto& part) { return !part.empty(); });
    if (first == parts.end()) return {};
    const bool alone = std::all_of(first + 1, parts.end(), [](const auto& part) { return part.empty(); });
    if (alone || first->size() >= gathered_bytes) return first->substr(0, record_bytes);
    std::size_t size = 0;
    for (auto part = first; part != parts.end(); ++part) {
        const auto taken = std::min(part->size(), into.size() - size);
        if (taken > 0) std::memcpy(into.data() + size, part->data(), taken);
        size += taken;
    }
    return {into.data(), size};
}

void cut(Wire::Parts& parts, std::size_t count) {
    for (auto& part : parts) {
        const auto taken = std::min(count, part.size());
        part.remove_prefix(taken);
        count -= taken;
    }
}

}  // namespace

/// Waits until the socket can be read or written; in the meantime nobody else takes a step of TLS.
Task<void> Wire::ready_for(Socket::wait_type what) {
    struct Awaited {
        explicit Awaited(bool& f) : flag(f) { flag = true; }
        Awaited(const Awaited&) = delete;
        Awaited& operator=(const Awaited&) = delete;
        ~Awaited() { flag = false; }
        bool& flag;
    };
    bool nobody = false;
    const Awaited awaited(tls_ ? tls_->awaited : nobody);
    boost::system::error_code failed;
    auto token = asio::redirect_error(use_task, failed);
    co_await socket_.async_wait(what, token);
    unwind_if_cancelled(failed);
    sent_in_turn_ = 0;
}

Task<Result<std::optional<unsigned char>>> Wire::first_byte(Instant until) {
    const Idle idle(*this);
    const Until waiting(receive_until_, until);
    for (;;) {
        co_await ready_for(Socket::wait_read);
        unsigned char byte = 0;
        const auto count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (receive_expired_) co_return late();
        if (count > 0) co_return byte;
        if (count == 0) co_return std::nullopt;
        if (errno != EAGAIN && errno != EINTR) co_return hung_up_error();
    }
}

Task<Status> Wire::secure(std::shared_ptr<const Tls> tls, Instant until) {
    tls_ = TlsStream::on(socket_.native_handle(), std::move(tls));
    if (!tls_) co_return Error(Fault::internal, "OpenSSL has no memory for a connection");
    const Until reading(receive_until_, until);
    const Until writing(send_until_, until);
    for (;;) {
        const auto step = tls_->shake_hands();
        if (receive_expired_) co_return late();
        if (step == Step::done) co_return Status();
        if (step == Step::ended) co_return hung_up_error();
        if (step == Step::failed) co_return Error(Fault::invalid, tls_->reason());
        const auto what = step == Step::wants_write ? Socket::wait_write : Socket::wait_read;
        co_await ready_for(what);
    }
}

Task<Result<std::size_t>> Wire::receive_tls(std::span<char> into, Instant until) {
    if (receive_expired_) co_return late();
    const Until waiting(receive_until_, until);
    for (;;) {
        std::size_t count = 0;
        const auto step = tls_->read(into, count);
        if (step == Step::done) co_return count;
        if (step == Step::ended) co_return received(asio::error::eof, 0);
        if (step != Step::wants_read) co_return received(asio::error::connection_reset, 0);
        co_await ready_for(Socket::wait_read);
    }
}

Task<Result<std::size_t>> Wire::fill_tls(Instant until) {
    const auto room = make_room();
    const auto count = co_await receive_tls(room, until);
    if (count) filled(room.size(), *count);
    co_return count;
}

Task<Result<bool>> Wire::wait_idle_tls(Instant until) {
    if (!buffered().empty()) co_return true;
    shrink();
    const Idle idle(*this);
    const auto count = co_await fill_tls(until);
    if (!count) co_return count.error();
    co_return *count > 0;
}

/// A record at a time, until the socket takes no more.
bool Wire::send_at_once_tls(Parts& parts) {
    std::array<char, gathered_bytes> apart{};
    while (sent_in_turn_ < turn_bytes) {
        const auto piece = gather(parts, apart);
        if (piece.empty()) return true;
        std::size_t count = 0;
        const auto step = tls_->write(piece, count);
        if (step == Step::wants_write) return false;
        if (step != Step::done) {
            broken_ = true;
            hung_up();
            return false;
        }
        sent_in_turn_ += count;
        cut(parts, count);
    }
    return false;
}

}  // namespace shallop::http
