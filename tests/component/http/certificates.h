// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/http/tls.h>

#include "support/temporary_directory.h"

#include <openssl/x509.h>

#include <memory>
#include <string>

namespace shallop::test {

/// A certificate of its own making, or one that another has signed, and its key (P-256); in the files PATH.pem and PATH.key.
class Certificate {
public:
    /// For localhost and 127.0.0.1, from yesterday on for `seconds` from now.
    explicit Certificate(const std::string& path, const Certificate* issuer = nullptr, long seconds = 3600);

    const std::string certificate, key;  ///< file names

    /// The key again, in a file with a passphrase.
    std::string encrypted_key() const;

private:
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair_;
    std::unique_ptr<X509, decltype(&X509_free)> signed_;
};

/// What a listener needs of it. Throws if it cannot be used.
std::shared_ptr<const http::Tls> tls_of(const Certificate& certificate, const std::string& client_ca = "");

}  // namespace shallop::test
