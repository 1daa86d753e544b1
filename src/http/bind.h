// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/base/result.h>

#include <cstdint>
#include <string>

namespace shallop::http {

/// A listening socket and what it is known by.
struct Bound {
    base::Fd fd;
    int family = 0;
    std::uint16_t port = 0;  ///< 0 for a unix socket
    std::string address;     ///< "127.0.0.1:8080", "[::1]:8080", "unix:/path"
    std::string unix_path;   ///< to unlink at the end; else empty
};

/// Binds and listens on "host:port", "[ipv6]:port", ":port" or "unix:/path", not blocking. A unix socket that nobody
/// serves any more is replaced. Faults: invalid (address), conflict (in use, not permitted; the detail says what to
/// do).
base::Result<Bound> bind_listener(const std::string& address);

/// "127.0.0.1" or "::1" and the port of a socket address; "" and 0 for a unix one.
void describe(const void* socket_address, std::string& host, std::uint16_t& port);

}  // namespace shallop::http
