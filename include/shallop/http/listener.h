// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/task_group.h>
#include <shallop/base/log.h>
#include <shallop/http/message.h>
#include <shallop/http/tls.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace shallop::http {

using async::Instant;
using async::Task;
using base::Result;
using base::Status;

/// One request and its reply on a connection. Lives as long as Handler::handle runs for it.
class Exchange {
public:
    virtual ~Exchange() = default;

    virtual const Request& request() const = 0;

    /// The same to move out of. What the connection needs of it, it has kept.
    virtual Request& take_request() = 0;

    /// Reads 1 to into.size() body bytes; 0 = the end. Sends "100 Continue" first, if the client waits for one.
    /// Faults: client_gone, invalid (bad framing), too_large (set_body_limit), timed_out (body rate).
    virtual Task<Result<std::size_t>> read(std::span<char> into) = 0;

    /// More than `limit` body bytes are a too_large fault of read(). With a Content-Length over it, the first read
    /// says so.
    virtual void set_body_limit(Bytes limit) = 0;

    /// Sends the head at once; at most once. Faults: client_gone.
    ///
    /// With status 101, where the request asked for an upgrade, the connection is the handler's from then on: read()
    /// and write() take raw bytes both ways, until finish().
    virtual Task<Status> begin(Response head) = 0;

    /// The same with the body's first bytes, in one system call where the wire allows it.
    virtual Task<Status> begin_with(Response head, std::span<const char> first);

    /// Sends body bytes; dropped for HEAD, 204 and 304. Faults: client_gone; invalid when more than content_length is
    /// written.
    virtual Task<Status> write(std::span<const char> bytes) = 0;

    /// Ends the reply cleanly; a reply with all of its content_length has ended by itself. Not calling it, or calling it after fewer bytes than content_length, cuts the
    /// connection, so that the client sees the reply as incomplete (no final chunk).
    virtual Task<Status> finish() = 0;

    /// A whole small reply: begin, write, finish.
    virtual Task<Status> reply(Response head, std::string body) = 0;

    virtual bool begun() const = 0;

    /// The client has the whole reply: it needs no finish().
    virtual bool finished() const = 0;

    /// Returns when the client has hung up; never if it does not. For race() beside the work. Cancellable.
    ///
    /// Noticed within about 100 ms, also behind body bytes and pipelined requests that nobody has read. A client that
    /// ends its sending direction only (`nc -N`) counts as gone, for it cannot be told from one that has closed. After
    /// gone() has returned, a handler that returns without begin() leaves the client without a reply.
    virtual Task<void> gone() = 0;

    /// The task that runs handle(), for whoever stops it. With cancel_when_gone(true) a client that hangs up, noticed as
    /// above, does; it costs an exchange nothing, where a race with gone() costs two tasks.
    virtual async::Canceller& task() = 0;
    virtual void cancel_when_gone(bool on) = 0;
};

/// What answers requests. A handle() that returns without begin() answers 500, or what its failed read() stands for
/// (400, 408, 413, 431); one that throws answers 500 and is logged. A body left unread is dropped if little is left of
/// it, else the connection ends after the reply.
class Handler {
public:
    virtual ~Handler() = default;
    virtual Task<void> handle(Exchange& exchange) = 0;
};

/// How little is left of what a server needs: a ladder, of which each rung has those below it.
enum class Pressure : std::uint8_t {
    none,
    close,   ///< a reply ends its connection: who has an answer holds nothing more
    refuse,  ///< requests are refused with 503, counted as "memory"
    stop,    ///< idle connections are closed, and nothing is accepted: who comes waits in the kernel's queue
};

/// Accepts connections on one address (TCP "host:port", "[::1]:port", or "unix:/path") and serves HTTP/1.0 and 1.1 on
/// them (RFC 9112), over TLS where secure() says so.
///
/// Belongs to one loop. Outlives its connections: drain() before destroying. The handler outlives it.
class Listener {
public:
    Listener(async::Executor executor, async::Clock& clock, base::Log& log, Handler& handler, Limits limits);
    ~Listener();

    /// Binds and listens. Faults: invalid (address), conflict (in use; the detail says what to do).
    Status bind(const std::string& address);

    /// The bound address, with the real port where 0 was asked for.
    std::string address() const;

    /// `report` is called for each request or connection refused before the handler saw it, with a word for a metric:
    /// malformed, head_too_large, slow_head, connections, handshake, slow_handshake, plain_http. Before run().
    void on_refused(std::function<void(const char*)> report);

    /// Asked for each request and each time that somebody comes: cheap. Where four fifths of Limits::connections are busy, there is `close` at
    /// least.
    void under(std::function<Pressure()> pressure);

    /// New connections speak TLS, by this certificate; those of a unix socket do not. Again at any time, with another one.
    void secure(std::shared_ptr<const Tls> tls);

    /// Accepts until drained or cancelled. EMFILE and the like are waited out, never spun on.
    Task<void> run();

    /// Accepts no more, closes idle connections, lets running exchanges end (with "Connection: close") until
    /// `deadline`, then cuts them.
    Task<void> drain(Instant deadline);

    std::size_t connections() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace shallop::http
