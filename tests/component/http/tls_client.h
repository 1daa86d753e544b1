// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

#include "certificates.h"
#include "client.h"
#include "handlers.h"
#include "server.h"

namespace shallop::test {

/// A Client over TLS. Throws where the handshake fails, with OpenSSL's words.
class TlsClient : public Client {
public:
    struct Wishes {
        int least = TLS1_2_VERSION, most = TLS1_3_VERSION;
        std::string protocols{};           ///< of ALPN, each with its length before it
        const Certificate* own = nullptr;  ///< what it shows
        SSL_SESSION* session = nullptr;    ///< to be taken up again
        int receive_buffer = 0;
    };
    explicit TlsClient(const std::string& address) : TlsClient(address, Wishes{}) {}
    TlsClient(const std::string& address, const Wishes& wishes);

    SSL* ssl() { return ssl_.get(); }

    /// Tells the server that this was all, and keeps the connection.
    void notify() { SSL_shutdown(ssl()); }
    /// Whether the server has told us so.
    bool notified() { return (SSL_get_shutdown(ssl()) & SSL_RECEIVED_SHUTDOWN) != 0; }

    /// Sends all of `bytes` while it receives, and receives on until `whole` says that this was all, for ten seconds without a byte at most.
    std::string converse(std::string_view bytes, const std::function<bool(const std::string&)>& whole);

    /// Bytes past TLS.
    void send_raw(std::string_view bytes) { (void)Client::put(bytes); }

    /// The common name of the server's certificate.
    std::string server() const;

protected:
    long put(std::string_view bytes) override;
    long take(std::span<char> into) override;

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

/// A server over TLS, and what it takes; with `clients` they have to show its own certificate's.
struct Secure {
    explicit Secure(http::Limits limits = {}, bool clients = false)
        : server(handler, limits, "127.0.0.1:0",
                 tls_of(certificate, clients ? certificate.certificate : std::string())) {}
    bool answers() {
        TlsClient client(server.address());
        client.send(hello);
        return client.answer().body == "hello";
    }
    TemporaryDirectory directory;
    Certificate certificate{directory.path() + "/own"};
    Scripted handler;
    Server server;
};

/// The first record that a client sends.
std::string client_hello();

}  // namespace shallop::test
