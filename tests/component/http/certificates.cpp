// SPDX-License-Identifier: Apache-2.0
#include "certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

namespace shallop::test {
namespace {

void extend(X509* certificate, X509* issuer, int what, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, what, value), X509_EXTENSION_free);
    X509_add_ext(certificate, extension.get(), -1);
}

struct File {
    explicit File(const std::string& path) : file(std::fopen(path.c_str(), "w")) {
        if (file == nullptr) throw std::runtime_error("cannot write " + path);
    }
    ~File() { std::fclose(file); }
    std::FILE* file;
};

}  // namespace

Certificate::Certificate(const std::string& path, const Certificate* issuer, long seconds)
    : certificate(path + ".pem"),
      key(path + ".key"),
      pair_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free),
      signed_(X509_new(), X509_free) {
    static std::atomic<long> serial{1};
    auto* const own = signed_.get();
    auto* const by = issuer == nullptr ? own : issuer->signed_.get();
    X509_set_version(own, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(own), serial++);
    X509_gmtime_adj(X509_getm_notBefore(own), -86400);
    X509_gmtime_adj(X509_getm_notAfter(own), seconds);
    X509_set_pubkey(own, pair_.get());
    const auto name = path.substr(path.rfind('/') + 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(own), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(own, X509_get_subject_name(by));
    extend(own, by, NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(own, by, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_sign(own, issuer == nullptr ? pair_.get() : issuer->pair_.get(), EVP_sha256());
    PEM_write_X509(File(certificate).file, own);
    PEM_write_PrivateKey(File(key).file, pair_.get(), nullptr, nullptr, 0, nullptr, nullptr);
}

std::string Certificate::encrypted_key() const {
    auto path = key + ".secret";
    char passphrase[] = "passphrase";
    PEM_write_PrivateKey(File(path).file, pair_.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr, passphrase);
    return path;
}

std::shared_ptr<const http::Tls> tls_of(const Certificate& certificate, const std::string& client_ca) {
    auto tls = http::Tls::load({certificate.certificate, certificate.key, client_ca}, std::chrono::system_clock::now());
    if (!tls) throw std::runtime_error(tls.error().detail);
    return *tls;
}

}  // namespace shallop::test
