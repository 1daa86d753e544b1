// SPDX-License-Identifier: Apache-2.0
#include "http/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shallop::http {

/// What OpenSSL reads from and writes to: never blocks, raises no SIGPIPE, and gives so many bytes in one call.
struct TlsStream::Socket {
    int fd = -1;
    std::size_t left = 0;  ///< bytes to be read in this call
    bool ended = false;    ///< the peer's direction has

    static const BIO_METHOD* method();
    static Socket& of(BIO* bio) { return *static_cast<Socket*>(BIO_get_data(bio)); }
    static int read(BIO* bio, char* into, int size);
    static int write(BIO* bio, const char* bytes, int size);
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
};

namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

std::string failure(int error) {
    if (error == SSL_ERROR_SYSCALL) return std::strerror(errno);
    const char* const words = ERR_reason_error_string(ERR_peek_error());
    return words != nullptr ? words : "protocol error";
}

}  // namespace

const BIO_METHOD* TlsStream::Socket::method() {
    static const BIO_METHOD* const made = [] {
        BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shallop socket");
        if (method == nullptr) return method;
        BIO_meth_set_read(method, read);
        BIO_meth_set_write(method, write);
        BIO_meth_set_ctrl(method, control);
        return method;
    }();
    return made;
}

int TlsStream::Socket::read(BIO* bio, char* into, int size) {
    auto& self = of(bio);
    BIO_clear_retry_flags(bio);
    if (self.left == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t count = 0;
    do {
        count = ::recv(self.fd, into, std::min(static_cast<std::size_t>(size), self.left), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count > 0) self.left -= static_cast<std::size_t>(count);
    if (count == 0) self.ended = true;
    if (count < 0 && would_block()) BIO_set_retry_read(bio);
    return static_cast<int>(count);
}

int TlsStream::Socket::write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    ssize_t count = 0;
    do {
        count = ::send(of(bio).fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && would_block()) BIO_set_retry_write(bio);
    return static_cast<int>(count);
}

void TlsStream::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(std::shared_ptr<const Tls> tls) : tls_(std::move(tls)), socket_(std::make_unique<Socket>()) {}

TlsStream::~TlsStream() = default;

std::unique_ptr<TlsStream> TlsStream::on(int socket, std::shared_ptr<const Tls> tls) {
    std::unique_ptr<TlsStream> stream(new TlsStream(std::move(tls)));
    stream->socket_->fd = socket;
    stream->ssl_.reset(SSL_new(stream->tls_->context()));
    BIO* const bio = Socket::method() != nullptr ? BIO_new(Socket::method()) : nullptr;
    if (!stream->ssl_ || bio == nullptr) {
        BIO_free(bio);
        return nullptr;
    }
    BIO_set_data(bio, stream->socket_.get());
    BIO_set_init(bio, 1);
    SSL_set_bio(stream->ssl_.get(), bio, bio);
    SSL_set_accept_state(stream->ssl_.get());
    return stream;
}

/// What the result of a call to OpenSSL stands for.
TlsStream::Step TlsStream::step(int result) {
    if (result > 0) return Step::done;
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return Step::wants_read;
    if (error == SSL_ERROR_WANT_WRITE) return Step::wants_write;
    if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && socket_->ended)) return Step::ended;
    reason_ = failure(error);
    return Step::failed;
}

TlsStream::Step TlsStream::shake_hands() {
    ERR_clear_error();
    socket_->left = turn_bytes;
    return step(SSL_do_handshake(ssl_.get()));
}

TlsStream::Step TlsStream::read(std::span<char> into, std::size_t& count) {
    ERR_clear_error();
    socket_->left = turn_bytes;
    return step(SSL_read_ex(ssl_.get(), into.data(), into.size(), &count));
}

TlsStream::Step TlsStream::write(std::string_view bytes, std::size_t& count) {
    ERR_clear_error();
    return step(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count));
}

bool TlsStream::seen_end() {
    char byte = 0;
    std::size_t count = 0;
    ERR_clear_error();
    socket_->left = turn_bytes;
    const auto seen = step(SSL_peek_ex(ssl_.get(), &byte, 1, &count));
    return seen == Step::ended || seen == Step::failed;
}

bool TlsStream::has_pending() const { return SSL_has_pending(ssl_.get()) == 1; }

void TlsStream::say_goodbye() {
    if (SSL_is_init_finished(ssl_.get()) != 1 || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
    ERR_clear_error();
    (void)SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

}  // namespace shallop::http
