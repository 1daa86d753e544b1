// SPDX-License-Identifier: Apache-2.0
#include "address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace shallop::shim {
namespace {

/// A decimal number of at most `most` that ends at `stop`; moves `at` past it.
bool parse_number(const char*& at, char stop, uint32_t most, uint32_t& value) {
    value = 0;
    const char* const begin = at;
    for (; *at >= '0' && *at <= '9' && value <= most; ++at) value = value * 10 + static_cast<uint32_t>(*at - '0');
    if (at == begin || value > most || *at != stop) return false;
    ++at;
    return true;
}

socklen_t parse_unix(const char* path, sockaddr_un& address) {
    const size_t length = strlen(path);
    if (path[0] != '/' || length >= sizeof address.sun_path) return 0;
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, length + 1);
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
}

socklen_t parse_v4(const char* at, sockaddr_in& address) {
    uint32_t host = 0;
    uint32_t part = 0;
    for (int i = 0; i < 4; ++i) {
        if (!parse_number(at, i < 3 ? '.' : ':', 255, part)) return 0;
        host = host << 8 | part;
    }
    if (host >> 24 != 127 || !parse_number(at, 0, 65535, part)) return 0;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(host);
    address.sin_port = htons(static_cast<uint16_t>(part));
    return sizeof address;
}

}  // namespace

socklen_t parse_address(const char* text, Address& address) {
    memset(&address, 0, sizeof address);
    if (strncmp(text, "unix:", 5) == 0) return parse_unix(text + 5, address.local);
    if (strncmp(text, "tcp:[::1]:", 10) == 0) {
        const char* at = text + 10;
        uint32_t port = 0;
        if (!parse_number(at, 0, 65535, port)) return 0;
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
        address.v6.sin6_port = htons(static_cast<uint16_t>(port));
        return sizeof address.v6;
    }
    return strncmp(text, "tcp:", 4) == 0 ? parse_v4(text + 4, address.v4) : 0;
}

}  // namespace shallop::shim
