// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/tls.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;

namespace shallop::http {

/// The server's end of TLS on one non-blocking socket, which it does not own. Never waits: it says what for.
///
/// Whatever comes, one call reads at most `turn_bytes` off the socket before it says `wants_read`, so that others have a turn of the loop.
class TlsStream {
public:
    static constexpr std::size_t turn_bytes = 64 * 1024;

    enum class Step {
        done,
        wants_read,   ///< again once the socket can be read
        wants_write,  ///< again, with the same bytes, once it can be written
        ended,        ///< the peer has sent all it will: it said so, or its direction of the connection has ended
        failed,       ///< no more can be read; reason() says why
    };

    /// `tls` is kept. Null where OpenSSL has no memory.
    static std::unique_ptr<TlsStream> on(int socket, std::shared_ptr<const Tls> tls);
    ~TlsStream();
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    /// One step of the handshake.
    Step shake_hands();

    /// `count` says how many bytes came.
    Step read(std::span<char> into, std::size_t& count);

    /// At most one record; `count` says how many bytes of `bytes` are in it.
    Step write(std::string_view bytes, std::size_t& count);

    /// Whether the peer has said that it sends no more, as far as can be seen without taking what it sent before.
    bool seen_end();

    /// Something came that was not read yet.
    bool has_pending() const;

    /// Tells the peer that this is all (close_notify), where the socket takes it at once.
    void say_goodbye();

    /// Of the last step that failed, in OpenSSL's words.
    const std::string& reason() const { return reason_; }

    /// Someone waits for the socket to become readable: what comes is theirs to take.
    bool awaited = false;

private:
    struct Free {
        void operator()(ssl_st* ssl) const;
    };
    struct Socket;

    explicit TlsStream(std::shared_ptr<const Tls> tls);
    Step step(int result);

    std::shared_ptr<const Tls> tls_;
    std::unique_ptr<Socket> socket_;
    std::unique_ptr<ssl_st, Free> ssl_;
    std::string reason_;
};

}  // namespace shallop::http
