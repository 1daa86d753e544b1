// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/task_group.h>
#include <shallop/base/fd.h>
#include <shallop/base/result.h>

#include <shallop/http/roster.h>
#include <shallop/http/tls.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <poll.h>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace shallop::http {

using async::Instant;
using async::Task;
using base::Duration;
using base::Result;
using base::Status;

using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, async::Executor>;

class TlsStream;

/// A connected socket with what was read ahead, with deadlines, and with the news that the peer has hung up.
///
/// At most one receive and one send at a time, which may overlap. A deadline that passes makes the receive or the
/// send under way fail; the roster's sweep does that. Everything here unwinds when its Task is cancelled.
///
/// The file description may be shared with hostile code (a socket out of a container): nothing here blocks, whatever
/// that does to its flags.
///
/// What is sent and received goes over the socket as it is, or, after secure(), over TLS.
class Wire {
public:
    /// The buffer kept while idle; and what it may grow to while a head or small chunks come in.
    static constexpr std::size_t small_buffer = 2048;

    Wire(Roster& roster, async::Executor executor, async::Clock& clock, base::Fd fd, int family,
         std::size_t largest_buffer);
    ~Wire();
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    /// Waits for the first byte, which stays where it is. nullopt = none will come. Before secure(), and before anything is received.
    Task<Result<std::optional<unsigned char>>> first_byte(Instant until);

    /// Shakes hands, as the server: from then on TLS is spoken. Faults: timed_out, client_gone, invalid (what the peer speaks is not ours; why).
    Task<Status> secure(std::shared_ptr<const Tls> tls, Instant until);
    bool secured() const { return tls_ != nullptr; }

    std::string_view buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }
    void consume(std::size_t count);

    /// Receives more into the buffer, which must have room (largest_buffer). 0 = the peer has sent all it will.
    /// Faults: timed_out (until), client_gone (reset).
    Task<Result<std::size_t>> fill(Instant until);

    /// The same, into `into`, when nothing is buffered.
    Task<Result<std::size_t>> receive(std::span<char> into, Instant until);

    /// Sends all parts, in as few system calls as the socket takes. Faults: client_gone, also when no byte was taken
    /// for `stall`.
    using Parts = std::array<std::string_view, 3>;
    Task<Status> send(Parts parts, Duration stall);

    /// Sends what the socket takes without waiting, and cuts it off `parts`. False: something is left for send(), or the peer is gone.
    bool send_at_once(Parts& parts);

    /// Waits for the first byte of a request, or for the end: false. The buffer is small meanwhile.
    Task<Result<bool>> wait_idle(Instant until);

    /// Nothing is expected for a while: gives up a buffer that has grown, where it is empty.
    void shrink();

    /// From now on only what has arrived already is received.
    void receive_no_more();

    /// Ends the sending direction and drops what still comes, at most `bytes` and until `until`, so that the peer can
    /// read the last reply before the socket closes (RFC 9112 9.6).
    Task<void> linger(std::uint64_t bytes, Instant until);

    /// From now on closing resets the connection: the peer cannot take what it has got for all.
    void reset_on_close();

    /// Returns once the peer has ended its sending direction or the connection broke. Noticed by the sweep.
    Task<void> gone();
    bool seen_gone() const { return gone_; }

    /// Says that what is received next is an answer to what was just sent: nothing can have come already, and nobody needs to look.
    void expect_answer() { drained_ = false; }

    /// Whether the last receive took all there was.
    bool drained() const { return drained_; }

    /// The same news for the task that uses the wire: it is cancelled. nullptr ends the watch. Costs a request nothing.
    void cancel_when_gone(async::Canceller* task) { task_ = task; }

    /// Whether the peer has neither sent anything nor hung up since the last receive: for a connection that lay idle.
    bool is_quiet();

    // For the roster.
    /// Ends the waits whose deadline is not after `now`; whether it ended one.
    bool expire(Instant now);
    void evict();
    /// What to poll for, if someone wants to know that the peer has hung up; else the descriptor is -1.
    pollfd watched();
    /// What came of it, if anything.
    void noticed(short events);
    void hung_up();

private:
    struct Idle;
    std::span<char> make_room();
    void filled(std::size_t room, std::size_t count);
    std::optional<Result<std::size_t>> try_receive(std::span<char> into);
    Task<Result<std::size_t>> fill_plain(Instant until);
    Task<Result<std::size_t>> fill_tls(Instant until);
    Task<Result<std::size_t>> receive_plain(std::span<char> into, Instant until);
    Task<Result<std::size_t>> receive_tls(std::span<char> into, Instant until);
    Task<Result<bool>> wait_idle_plain(Instant until);
    Task<Result<bool>> wait_idle_tls(Instant until);
    bool send_at_once_tls(Parts& parts);
    Task<void> ready_for(Socket::wait_type what);
    Result<std::size_t> received(const boost::system::error_code& failed, std::size_t count);

    Roster& roster_;
    async::Executor executor_;
    async::Clock& clock_;
    Socket socket_;
    std::unique_ptr<TlsStream> tls_;  ///< null: plain
    Roster::Place place_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t largest_buffer_;
    Instant receive_until_ = Instant::max();
    Instant send_until_ = Instant::max();
    std::size_t sent_in_turn_ = 0;  ///< bytes sent since the loop last had a turn
    int watchers_ = 0;
    async::Canceller* task_ = nullptr;
    bool idle_ = false;
    bool fresh_idle_ = false;  ///< since the roster's last sweep
    bool drained_ = false;     ///< the last receive took all there was
    bool filled_up_ = false;   ///< the last fill took all room: more is likely there
    bool receive_expired_ = false;
    bool receive_shut_ = false;  ///< by us: the peer's end of stream can no longer be seen
    bool broken_ = false;        ///< no send can succeed any more
    bool gone_ = false;
    bool cut_ = false;  ///< the peer is not to take what it has got for all
    std::unique_ptr<async::Condition> gone_changed_;
};

}  // namespace shallop::http
