// SPDX-License-Identifier: Apache-2.0
#include "tls_client.h"

#include <openssl/err.h>

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <vector>

namespace shallop::test {

TlsClient::TlsClient(const std::string& address, const Wishes& wishes)
    : Client(address, wishes.receive_buffer),
      context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
      ssl_(nullptr, SSL_free) {
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX_set_security_level(context_.get(), 0);  // old versions are tried
    SSL_CTX_set_min_proto_version(context_.get(), wishes.least);
    SSL_CTX_set_max_proto_version(context_.get(), wishes.most);
    if (wishes.own != nullptr) {
        SSL_CTX_use_certificate_chain_file(context_.get(), wishes.own->certificate.c_str());
        SSL_CTX_use_PrivateKey_file(context_.get(), wishes.own->key.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_.reset(SSL_new(context_.get()));
    if (!wishes.protocols.empty()) {
        SSL_set_alpn_protos(ssl(), reinterpret_cast<const unsigned char*>(wishes.protocols.data()),
                            static_cast<unsigned>(wishes.protocols.size()));
    }
    if (wishes.session != nullptr) SSL_set_session(ssl(), wishes.session);
    SSL_set_fd(ssl(), fd());
    ERR_clear_error();
    if (SSL_connect(ssl()) != 1) {
        const char* const words = ERR_reason_error_string(ERR_peek_error());
        throw std::runtime_error(std::string("no handshake: ") + (words != nullptr ? words : "connection lost"));
    }
}

std::string TlsClient::server() const {
    std::array<char, 256> name{};
    auto* const certificate = SSL_get0_peer_certificate(ssl_.get());
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size());
    return name.data();
}

long TlsClient::put(std::string_view bytes) {
    ERR_clear_error();
    return SSL_write(ssl(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)));
}

long TlsClient::take(std::span<char> into) {
    ERR_clear_error();
    const int count = SSL_read(ssl(), into.data(), static_cast<int>(into.size()));
    if (count > 0) return count;
    const bool late = SSL_get_error(ssl(), count) == SSL_ERROR_WANT_READ;
    errno = late ? EAGAIN : ECONNRESET;
    return late ? -1 : 0;
}

std::string TlsClient::converse(std::string_view bytes, const std::function<bool(const std::string&)>& whole) {
    SSL_set_mode(ssl(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ::fcntl(fd(), F_SETFL, ::fcntl(fd(), F_GETFL) | O_NONBLOCK);
    std::string received;
    std::vector<char> piece(1 << 16);
    while (!whole(received)) {
        const auto sent = bytes.empty() ? 0 : put(bytes);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        const auto got = take(piece);
        if (got == 0) break;
        if (got > 0) received.append(piece.data(), static_cast<std::size_t>(got));
        pollfd wanted{fd(), static_cast<short>(bytes.empty() ? POLLIN : POLLIN | POLLOUT), 0};
        if (sent <= 0 && got < 0 && ::poll(&wanted, 1, 10'000) <= 0) break;
    }
    ::fcntl(fd(), F_SETFL, ::fcntl(fd(), F_GETFL) & ~O_NONBLOCK);
    return received;
}

std::string client_hello() {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    SSL_connect(ssl.get());
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(out, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace shallop::test
