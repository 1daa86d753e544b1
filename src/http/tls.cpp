// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/tls.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <shallop/base/fd.h>

namespace shallop::http {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

constexpr off_t largest_file = off_t{1024} * 1024;
constexpr auto protocols = std::to_array<unsigned char>(
    {8, 'h', 't', 't', 'p', '/', '1', '.', '1', 8, 'h', 't', 't', 'p', '/', '1', '.', '0'});

Error unusable(const char* what, const std::string& file, const std::string& reason) {
    return {Fault::invalid, std::string(what) + " " + file + ": " + reason};
}

/// OpenSSL's words for what went wrong first.
std::string reason() {
    const auto code = ERR_peek_error();
    const char* const words = ERR_reason_error_string(code);
    return words != nullptr ? words : "OpenSSL gives no reason";
}

/// OpenSSL's own words for files that cannot be opened are of no use.
Status check_readable(const char* what, const std::string& file) {
    const base::Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about{};
    if (!opened || ::fstat(opened.get(), &about) != 0)
        return unusable(what, file, std::string("cannot be read: ") + std::strerror(errno));
    if (!S_ISREG(about.st_mode)) return unusable(what, file, "is not a file");
    if (about.st_size > largest_file) return unusable(what, file, "is larger than 1 MiB");
    return {};
}

/// Instead of a question at the terminal.
int no_passphrase(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

Status use_certificate(SSL_CTX* context, const std::string& file) {
    if (const auto readable = check_readable("TLS certificate", file); !readable) return readable;
    if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) == 1) return {};
    const bool none = ERR_GET_REASON(ERR_peek_error()) == PEM_R_NO_START_LINE;
    return unusable("TLS certificate", file,
                    none ? "holds no certificate in PEM" : "no usable certificate: " + reason());
}

Status use_key(SSL_CTX* context, const TlsFiles& files) {
    if (const auto readable = check_readable("TLS key", files.key); !readable) return readable;
    bool encrypted = false;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
    const bool used = SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    if (encrypted) return unusable("TLS key", files.key, "needs a passphrase: write the key without one");
    const auto other = ERR_GET_REASON(ERR_peek_last_error());
    const bool mismatch = other == X509_R_KEY_VALUES_MISMATCH || other == X509_R_KEY_TYPE_MISMATCH;
    if (mismatch || (used && SSL_CTX_check_private_key(context) != 1))
        return unusable("TLS key", files.key, "is not the key of the certificate " + files.certificate);
    if (!used) return unusable("TLS key", files.key, "holds no private key in PEM that can be used");
    return {};
}

Status use_client_ca(SSL_CTX* context, const std::string& file) {
    if (const auto readable = check_readable("TLS client CA", file); !readable) return readable;
    auto* const names = SSL_load_client_CA_file(file.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, file.c_str()) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return unusable("TLS client CA", file, "holds no certificate in PEM");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // A session that is taken up again shows no certificate: each connection is to.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return {};
}

Tls::Time time_of(const ASN1_TIME* asn1) {
    std::tm fields{};
    if (ASN1_TIME_to_tm(asn1, &fields) != 1) return Tls::Time{};
    return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

/// RFC 7301: a client that names protocols and none of ours is told so.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, size, protocols.data(), protocols.size(), offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

void set_rules(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA);
    // A record that the socket takes in part is gone on with from the caller's bytes, wherever they lie by then. An idle connection has no buffers.
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    // Sessions are kept by the clients, in tickets, and by us not at all.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    constexpr auto name = std::to_array<unsigned char>({'s', 'h', 'a', 'l', 'l', 'o', 'p'});
    SSL_CTX_set_session_id_context(context, name.data(), name.size());
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

}  // namespace

Result<std::shared_ptr<const Tls>> Tls::load(const TlsFiles& files, Time now) {
    ERR_clear_error();
    const Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) return Error(Fault::internal, "OpenSSL cannot be used: " + reason());
    set_rules(context.get());
    if (const auto used = use_certificate(context.get(), files.certificate); !used) return used.error();
    if (const auto used = use_key(context.get(), files); !used) return used.error();
    if (!files.client_ca.empty()) {
        if (const auto used = use_client_ca(context.get(), files.client_ca); !used) return used.error();
    }
    const auto end = time_of(X509_get0_notAfter(SSL_CTX_get0_certificate(context.get())));
    if (end <= now) return unusable("TLS certificate", files.certificate, "the certificate has expired");
    return std::shared_ptr<const Tls>(new Tls(context, end));
}

}  // namespace shallop::http
