// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/result.h>

#include <chrono>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace shallop::http {

/// Where a listener's certificate is, all in PEM.
struct TlsFiles {
    std::string certificate;  ///< the server's own first, then those between it and its CA
    std::string key;          ///< without a passphrase
    std::string client_ca;    ///< clients must show a certificate of one of these; "": none is asked for
};

/// A certificate with its key, and with whom connections are made: TLS 1.2 and 1.3, HTTP/1.1 over it. Immutable and shared: a connection keeps the
/// one that it began with.
class Tls {
public:
    using Time = std::chrono::system_clock::time_point;

    /// Reads the files. Faults: invalid, naming file and reason: unreadable, no PEM, key and certificate that do not belong together, expired at `now`.
    static base::Result<std::shared_ptr<const Tls>> load(const TlsFiles& files, Time now);

    Time valid_until() const { return valid_until_; }

    /// For the connections of this module.
    ssl_ctx_st* context() const { return context_.get(); }

private:
    using Context = std::shared_ptr<ssl_ctx_st>;
    Tls(Context context, Time valid_until) : context_(std::move(context)), valid_until_(valid_until) {}

    Context context_;
    Time valid_until_;
};

}  // namespace shallop::http
