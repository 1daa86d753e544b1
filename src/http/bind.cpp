// SPDX-License-Identifier: Apache-2.0
#include <http/bind.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace shallop::http {

using base::Error;
using base::Fault;
using base::Result;

namespace {

constexpr int backlog = 4096;
constexpr std::string_view unix_prefix = "unix:";

Error failed(const std::string& address, int error) {
    if (error == EADDRINUSE) {
        return {Fault::conflict,
                address + " is in use by another program: stop that one, or listen on another address"};
    }
    if (error == EACCES)
        return {Fault::conflict,
                "listening on " + address + " is not permitted: choose a port above 1023, or another path"};
    return {Fault::invalid, "cannot listen on " + address + ": " + std::strerror(error)};
}

void set(const base::Fd& fd, int level, int option, int value = 1) {
    ::setsockopt(fd.get(), level, option, &value, sizeof value);
}

Result<Bound> listen_at(const std::string& address, int family, const sockaddr* where, socklen_t size) {
    Bound bound;
    bound.family = family;
    bound.fd.reset(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!bound.fd) return failed(address, errno);
    if (family != AF_UNIX) {
        set(bound.fd, SOL_SOCKET, SO_REUSEADDR);
        // Accepted sockets inherit these. Keep-alive finds clients that vanished without a word, in about two minutes.
        set(bound.fd, IPPROTO_TCP, TCP_NODELAY);
        set(bound.fd, SOL_SOCKET, SO_KEEPALIVE);
        set(bound.fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
        set(bound.fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
        set(bound.fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
    }
    if (::bind(bound.fd.get(), where, size) != 0 || ::listen(bound.fd.get(), backlog) != 0)
        return failed(address, errno);
    return bound;
}

/// A path left over by a dead predecessor refuses connections; one that answers is in use.
bool is_stale(const sockaddr_un& where) {
    struct stat status{};
    if (::lstat(where.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const base::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 &&
           errno == ECONNREFUSED;
}

Result<Bound> bind_unix(const std::string& address) {
    const auto path = address.substr(unix_prefix.size());
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (!path.starts_with('/') || path.size() >= sizeof where.sun_path) {
        return Error(Fault::invalid, "\"" + address + "\": a unix socket has an absolute path of at most 107 bytes");
    }
    path.copy(where.sun_path, path.size());
    if (is_stale(where)) ::unlink(where.sun_path);
    auto bound = listen_at(address, AF_UNIX, reinterpret_cast<const sockaddr*>(&where), sizeof where);
    if (!bound) return bound;
    ::chmod(where.sun_path, 0660);
    bound->address = address;
    bound->unix_path = path;
    return bound;
}

}  // namespace

void describe(const void* socket_address, std::string& host, std::uint16_t& port) {
    char text[INET6_ADDRSTRLEN] = "";
    const int family = static_cast<const sockaddr*>(socket_address)->sa_family;
    port = 0;
    if (family == AF_INET) {
        const auto& v4 = *static_cast<const sockaddr_in*>(socket_address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        port = ntohs(v4.sin_port);
    } else if (family == AF_INET6) {
        const auto& v6 = *static_cast<const sockaddr_in6*>(socket_address);
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
        const auto* bytes = v6.sin6_addr.s6_addr + (mapped ? 12 : 0);
        ::inet_ntop(mapped ? AF_INET : AF_INET6, bytes, text, sizeof text);
        port = ntohs(v6.sin6_port);
    }
    host = text;
}

Result<Bound> bind_listener(const std::string& address) {
    if (address.starts_with(unix_prefix)) return bind_unix(address);
    const auto colon = address.rfind(':');
    const bool bracketed = address.starts_with('[');
    auto host = address.substr(0, colon == address.npos ? 0 : colon);
    const bool closed = !bracketed || (host.size() > 2 && host.ends_with(']'));
    const bool plain = bracketed || host.find(':') == host.npos;
    if (colon == address.npos || !closed || !plain || colon + 1 == address.size()) {
        return Error(Fault::invalid,
                     "\"" + address + "\" is no address to listen on: write host:port, [ipv6]:port or unix:/path");
    }
    const auto digits = address.substr(colon + 1);
    if (digits.size() > 5 || digits.find_first_not_of("0123456789") != digits.npos || std::stoi(digits) > 65535) {
        return Error(Fault::invalid, "\"" + address + "\" has no port from 0 to 65535 after its last colon");
    }
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.empty()) host = "0.0.0.0";

    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
    if (error != 0)
        return Error(Fault::invalid, "\"" + address + "\" is no address to listen on: " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);

    auto bound = listen_at(address, found->ai_family, found->ai_addr, found->ai_addrlen);
    if (!bound) return bound;
    sockaddr_storage real{};
    socklen_t size = sizeof real;
    ::getsockname(bound->fd.get(), reinterpret_cast<sockaddr*>(&real), &size);
    describe(&real, host, bound->port);
    bound->address = (found->ai_family == AF_INET6 ? "[" + host + "]" : host) + ":" + std::to_string(bound->port);
    return bound;
}

}  // namespace shallop::http
