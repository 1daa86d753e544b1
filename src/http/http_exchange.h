// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/log.h>
#include <shallop/http/listener.h>

#include <http/head.h>
#include <http/reply_head.h>
#include <shallop/http/body.h>
#include <shallop/http/tls.h>
#include <shallop/http/wire.h>

#include <functional>
#include <memory>
#include <string>

namespace shallop::http {

/// What the connections of one listener share. Outlives them.
struct Shared {
    Limits limits;
    async::Clock& clock;
    base::Log& log;
    Handler& handler;
    async::Executor executor;
    Roster roster;
    DateLine date;
    bool draining = false;
    std::string scratch{};  ///< for a head on its way to the socket; nobody keeps it over a wait
    std::function<void(const char*)> on_refused{};  ///< may be empty
    std::function<Pressure()> ask_pressure{};       ///< may be empty
    std::shared_ptr<const Tls> tls{};               ///< of new connections; null: plain

    Pressure pressure() const {
        const bool crowded = roster.busy() * 5 >= limits.connections * 4;
        const auto asked = ask_pressure ? ask_pressure() : Pressure::none;
        return asked == Pressure::none && crowded ? Pressure::close : asked;
    }
};

/// The Exchange of one request on a Wire. Its Connection outlives it.
class HttpExchange final : public Exchange {
public:
    /// Outlives none of these.
    HttpExchange(Shared& shared, Wire& wire, async::Canceller& task, Head& head);
    ~HttpExchange() override { wire_.cancel_when_gone(nullptr); }

    const Request& request() const override { return request_; }
    Request& take_request() override { return request_; }
    Task<Result<std::size_t>> read(std::span<char> into) override;
    void set_body_limit(Bytes limit) override { body_limit_ = limit; }
    Task<Status> begin(Response head) override;
    Task<Status> begin_with(Response head, std::span<const char> first) override;
    Task<Status> write(std::span<const char> bytes) override;
    Task<Status> finish() override;
    Task<Status> reply(Response head, std::string body) override;
    bool begun() const override { return begun_; }
    bool finished() const override { return finished_; }
    Task<void> gone() override { return wire_.gone(); }
    async::Canceller& task() override { return task_; }
    void cancel_when_gone(bool on) override { wire_.cancel_when_gone(on ? &task_ : nullptr); }

    // For the connection, after the handler.
    bool keep_alive() const { return keep_alive_; }
    Framing framing() const { return framing_; }
    /// What the last failed read() said, as a status to answer; 0 if none failed.
    const Refusal& read_refusal() const { return read_refusal_; }

    /// Reads and drops what is left of the request's body, if that is little and comes soon. False: the connection
    /// cannot be used again.
    Task<bool> drain_body();
    /// Raw bytes of the declared body that are still to come; for one without a length nullopt.
    std::optional<std::uint64_t> declared_left() const;
    bool body_done() const { return body_.done(); }

private:
    Task<Result<std::size_t>> read_some(std::span<char> into);
    Task<Result<std::size_t>> read_raw(std::span<char> into);
    base::Error fail_read(int status, base::Fault fault, std::string detail);
    base::Error fail_read(const base::Error& error);
    Status check_head(const Response& head, std::size_t first) const;
    void start(std::string& out, const Response& head);
    void settle();
    void count_rate(Instant started, std::size_t received);

    Shared& shared_;
    Wire& wire_;
    async::Canceller& task_;
    Request& request_;
    // What is needed of it when it has been taken.
    const Asked asked_;
    const std::optional<std::uint64_t> content_length_;
    const bool chunked_;
    const bool wants_keep_alive_;
    const bool expects_continue_;
    const bool wants_upgrade_;
    BodyDecoder body_;
    std::uint64_t received_ = 0;  ///< body bytes, decoded
    Bytes body_limit_ = ~Bytes{0};
    Duration rate_credit_;  ///< how long the client may still be silent; grows with what it sends
    Instant read_until_ = Instant::max();
    bool read_started_ = false;
    Refusal read_refusal_{0, {}};

    Framing framing_ = Framing::none;
    std::uint64_t left_ = 0;  ///< of content_length
    bool keep_alive_ = false;
    bool begun_ = false;
    bool finished_ = false;
};

}  // namespace shallop::http
