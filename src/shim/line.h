// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codec.h"
#include "packet.h"

#include <shallop/async/condition.h>
#include <shallop/shim/channel.h>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace shallop::shim {

class Line;

/// All that is said about one id: a request and the frames that answer it.
struct Conversation {
    using Timer =
        boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                          boost::asio::wait_traits<std::chrono::steady_clock>, async::Executor>;
    enum class Kind { hello, exec, connect, listen, usage, file };
    static constexpr std::size_t most_sockets = 64;

    Conversation(Kind k, std::uint32_t number, async::Executor executor, std::weak_ptr<Line> on)
        : kind(k), id(number), line(std::move(on)), news(executor) {}

    /// Returns when there is news, or at `until`. Cancellable.
    Task<void> wait(std::chrono::steady_clock::time_point until);

    Kind kind;
    std::uint32_t id;
    std::weak_ptr<Line> line;
    std::optional<Message> answer;     ///< the first frame
    std::optional<Exit> exit;          ///< of an exec
    std::deque<base::Fd> sockets;      ///< that came and were not taken yet
    bool abandoned = false;            ///< nobody is interested any more
    std::optional<std::string> ended;  ///< why no more frames will come
    Timer news;
};

/// The socket to one shim and the conversations over it: sends, receives, checks that each frame is one the shim may send
/// now, and tells the conversation. Channel, Process and Acceptor are handles on it.
///
/// Its asynchronous waits keep it alive until it is closed.
class Line : public std::enable_shared_from_this<Line> {
public:
    Line(base::Fd socket, async::Executor executor, base::Log& log, Channel::Limits limits);

    void start();

    std::shared_ptr<Conversation> begin(Conversation::Kind kind);

    /// How many conversations of this kind are not over.
    std::size_t count(Conversation::Kind kind) const;

    /// Sends, now or when the shim has read. Closes the line when it cannot.
    void send(std::string frame) { send(Packet{std::move(frame), {}, {}}); }
    void send(Packet packet);

    /// Waits for the first frame of `conversation`; closes the line where none comes within `limit` (S6).
    Task<base::Status> answered(std::shared_ptr<Conversation> conversation, Duration limit);

    /// Nobody is interested in `conversation` any more: ends what it is about, and drops what still comes.
    void abandon(Conversation& conversation);

    /// Drops a conversation of which nothing has been sent.
    void forget(const Conversation& conversation) { conversations_.erase(conversation.id); }

    void close(std::string reason);
    bool open() const { return !reason_.has_value(); }
    const std::string& reason() const;

    async::Condition& closed() { return closed_; }
    const Channel::Limits& limits() const { return limits_; }
    Hello hello{};

private:
    void await_readable();
    void await_writable();
    void receive();
    void flush();
    void violation(const char* what);
    bool take(const Received& frame, std::vector<base::Fd> fds);
    bool take_first(Conversation& conversation, const Message& message, base::Fd socket);
    bool take_later(Conversation& conversation, const Message& message, base::Fd socket);
    void end(Conversation& conversation, std::string why);

    boost::asio::posix::basic_stream_descriptor<async::Executor> socket_;
    async::Executor executor_;
    base::Log& log_;
    Channel::Limits limits_;
    std::unordered_map<std::uint32_t, std::shared_ptr<Conversation>> conversations_;
    std::deque<Packet> unsent_;
    std::uint32_t last_id_ = 0;
    std::optional<std::string> reason_;
    async::Condition closed_;
};

}  // namespace shallop::shim
