// SPDX-License-Identifier: Apache-2.0
#include "line.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

#include <csignal>
#include <cstring>
#include <utility>

namespace shallop::shim {

namespace asio = boost::asio;
using base::Error;
using base::Fault;
using Kind = Conversation::Kind;
using Socket = asio::posix::basic_stream_descriptor<async::Executor>;

Task<void> Conversation::wait(std::chrono::steady_clock::time_point until) {
    news.expires_at(until);
    boost::system::error_code woken;
    auto token = asio::redirect_error(async::use_task, woken);
    co_await news.async_wait(std::move(token));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(woken);
}

Line::Line(base::Fd socket, async::Executor executor, base::Log& log, Channel::Limits limits)
    : socket_(executor, socket.release()), executor_(executor), log_(log), limits_(limits), closed_(executor) {}

void Line::start() { await_readable(); }

std::shared_ptr<Conversation> Line::begin(Kind kind) {
    std::uint32_t id = 0;
    if (kind != Kind::hello) {
        do id = ++last_id_;
        while (id == 0 || conversations_.contains(id));
    }
    auto conversation = std::make_shared<Conversation>(kind, id, executor_, weak_from_this());
    if (reason_) {
        conversation->ended = reason_;
    } else {
        conversations_.emplace(id, conversation);
    }
    return conversation;
}

std::size_t Line::count(Kind kind) const {
    std::size_t count = 0;
    for (const auto& [id, conversation] : conversations_) count += conversation->kind == kind ? 1 : 0;
    return count;
}

void Line::send(Packet packet) {
    if (reason_) return;
    const int error = unsent_.empty() ? send_packet(socket_.native_handle(), packet) : EAGAIN;
    if (error == 0) return;
    if (error != EAGAIN) return close(std::string("the shim cannot be reached: ") + std::strerror(error));
    if (unsent_.size() == limits_.unsent) return close("the shim does not read");
    unsent_.push_back(std::move(packet));
    if (unsent_.size() == 1) await_writable();
}

void Line::flush() {
    while (!reason_ && !unsent_.empty()) {
        const int error = send_packet(socket_.native_handle(), unsent_.front());
        if (error == EAGAIN) return await_writable();
        if (error != 0) return close(std::string("the shim cannot be reached: ") + std::strerror(error));
        unsent_.pop_front();
    }
}

void Line::await_writable() {
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
        if (!error) self->flush();
    });
}

void Line::await_readable() {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        if (!error) self->receive();
    });
}

/// Takes what has come, but gives the loop its turn in between: the shim may send without end.
void Line::receive() {
    unsigned char bytes[max_answer];
    for (int i = 0; i < 32 && !reason_; ++i) {
        auto arrival = receive_packet(socket_.native_handle(), bytes);
        if (arrival.error == EAGAIN) break;
        if (arrival.error != 0) return close(std::string("the shim is gone: ") + std::strerror(arrival.error));
        if (arrival.truncated) return violation("a frame that is too large, or with too many descriptors");
        if (arrival.size == 0) return close("the container has ended");
        const auto frame = decode(Octets(bytes, arrival.size));
        if (!frame) return violation("a malformed frame");
        if (arrival.fds.size() != descriptors_of(frame->message)) return violation("a wrong number of descriptors");
        if (!take(*frame, std::move(arrival.fds))) return violation("a frame out of turn, or what is no stream socket");
    }
    if (!reason_) await_readable();
}

bool Line::take(const Received& frame, std::vector<base::Fd> fds) {
    const auto found = conversations_.find(frame.id);
    if (found == conversations_.end()) return false;
    const auto conversation = found->second;
    if (!fds.empty() && !settle_stream_socket(fds.front().get())) return false;
    base::Fd socket = fds.empty() ? base::Fd() : std::move(fds.front());
    const bool fits = conversation->answer ? take_later(*conversation, frame.message, std::move(socket))
                                           : take_first(*conversation, frame.message, std::move(socket));
    if (fits) conversation->news.cancel();
    return fits;
}

bool Line::take_first(Conversation& conversation, const Message& message, base::Fd socket) {
    const bool failed = std::holds_alternative<Failed>(message);
    switch (conversation.kind) {
        case Kind::hello:
            if (!std::holds_alternative<Hello>(message)) return false;
            break;
        case Kind::exec:
            if (!failed && !std::holds_alternative<Started>(message)) return false;
            break;
        case Kind::connect:
            if (!failed && !std::holds_alternative<Connected>(message)) return false;
            break;
        case Kind::listen:
            if (!failed && !std::holds_alternative<Listening>(message)) return false;
            break;
        case Kind::usage:
            if (!std::holds_alternative<Used>(message)) return false;
            break;
        case Kind::file:
            if (!failed && !std::holds_alternative<Written>(message)) return false;
            break;
    }
    conversation.answer = message;
    if (socket && !conversation.abandoned) conversation.sockets.push_back(std::move(socket));
    const bool goes_on = conversation.kind == Kind::exec || conversation.kind == Kind::listen;
    if (failed || !goes_on) {
        end(conversation, "it is answered");
    } else if (conversation.kind == Kind::exec && conversation.abandoned) {
        send(encode_signal(conversation.id, wire::Target::group, SIGKILL));
    }
    return true;
}

bool Line::take_later(Conversation& conversation, const Message& message, base::Fd socket) {
    if (conversation.kind == Kind::exec && std::holds_alternative<Exit>(message)) {
        conversation.exit = std::get<Exit>(message);
        end(conversation, "the process has exited");
        return true;
    }
    if (conversation.kind != Kind::listen) return false;
    if (std::holds_alternative<Failed>(message)) {
        end(conversation, "the shim has stopped listening");
        return true;
    }
    if (!std::holds_alternative<Accepted>(message)) return false;
    if (!conversation.abandoned && conversation.sockets.size() < Conversation::most_sockets) {
        conversation.sockets.push_back(std::move(socket));
    }
    return true;
}

void Line::end(Conversation& conversation, std::string why) {
    conversation.ended = std::move(why);
    conversations_.erase(conversation.id);
}

Task<base::Status> Line::answered(std::shared_ptr<Conversation> conversation, Duration limit) {
    const auto self = shared_from_this();
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
    while (!conversation->answer && !conversation->ended) {
        co_await conversation->wait(until);
        if (!conversation->answer && !conversation->ended && std::chrono::steady_clock::now() >= until) {
            close("the shim has not answered within " + base::format_duration(limit));
        }
    }
    if (!conversation->answer) co_return Error(Fault::launch_failed, *conversation->ended);
    co_return base::Status();
}

void Line::abandon(Conversation& conversation) {
    conversation.abandoned = true;
    conversation.sockets.clear();
    if (conversation.ended) return;
    if (conversation.kind == Kind::exec) {
        // Where it has not started yet, take_first does this.
        if (conversation.answer) send(encode_signal(conversation.id, wire::Target::group, SIGKILL));
    } else if (conversation.kind != Kind::usage && conversation.kind != Kind::file) {
        send(encode_cancel(conversation.id));
    }
}

void Line::violation(const char* what) {
    log_.warn("the shim broke the protocol", {{"what", what}});
    close(std::string("the shim broke the protocol: ") + what);
}

void Line::close(std::string reason) {
    if (reason_) return;
    reason_ = std::move(reason);
    boost::system::error_code ignored;
    socket_.close(ignored);
    unsent_.clear();
    const auto open = std::exchange(conversations_, {});
    for (const auto& [id, conversation] : open) {
        conversation->ended = reason_;
        conversation->news.cancel();
    }
    closed_.notify_all();
}

const std::string& Line::reason() const {
    static const std::string none;
    return reason_ ? *reason_ : none;
}

}  // namespace shallop::shim
