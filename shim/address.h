// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace shallop::shim {

union Address {
    sockaddr any;
    sockaddr_un local;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

/// Reads "tcp:127.x.y.z:PORT", "tcp:[::1]:PORT" or "unix:/path". Returns its size, or 0: the container's own loopback and its
/// own files are all that is ever asked for.
socklen_t parse_address(const char* text, Address& address);

}  // namespace shallop::shim
