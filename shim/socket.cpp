// SPDX-License-Identifier: Apache-2.0
#include "socket.h"

#include "address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace shallop::shim {
namespace {

/// A connect that has no answer yet: on its way (`fd`), or (-1) to be tried again at `next`.
struct Connecting {
    uint32_t id;
    int fd;
    uint32_t flags;
    uint32_t pause;
    uint64_t next;
    uint64_t deadline;
    Address address;
    socklen_t size;
};

struct Listener {
    uint32_t id;
    int fd;
    uint64_t paused_until;  // when there were no descriptors to accept with
};

constexpr uint32_t longest_pause = 8;
constexpr uint32_t longest_timeout = 10 * 60 * 1000;

Connecting connecting[wire::max_connects];
size_t connecting_count = 0;
Listener listeners[wire::max_listeners];
size_t listener_count = 0;

uint64_t now_ms() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

void set_no_delay(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on unix sockets, which have no delay
}

/// Passes the socket out and closes our copy.
void hand_over(wire::Type type, uint32_t id, int fd) {
    set_no_delay(fd);
    const int error = send(type, id, nullptr, 0, fd);
    close(fd);
    if (error != 0 && type == wire::Type::connected) send_failed(id, wire::Step::descriptor, error);
}

bool worth_a_retry(int error, uint32_t flags) {
    if (error == EAGAIN) return true;  // a unix socket whose backlog is full
    return (flags & wire::connect_until_listening) != 0 && (error == ECONNREFUSED || error == ENOENT);
}

/// One attempt. True when the request has been answered.
bool attempt(Connecting& c) {
    c.fd = socket(c.address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c.fd >= 0 && ::connect(c.fd, &c.address.any, c.size) == 0) {
        hand_over(wire::Type::connected, c.id, c.fd);
        return true;
    }
    const int error = errno;
    if (c.fd >= 0 && error == EINPROGRESS) return false;
    if (c.fd >= 0) close(c.fd);
    c.fd = -1;
    const uint64_t now = now_ms();
    if (!worth_a_retry(error, c.flags) || now >= c.deadline) {
        send_failed(c.id, wire::Step::connect, error);
        return true;
    }
    c.pause = c.pause == 0 ? 1 : c.pause * 2;
    if (c.pause > longest_pause) c.pause = longest_pause;
    c.next = now + c.pause < c.deadline ? now + c.pause : c.deadline;
    return false;
}

/// What became of a connect that was on its way. True when the request has been answered.
bool finish(Connecting& c, bool ready) {
    if (!ready) {
        if (now_ms() < c.deadline) return false;
        close(c.fd);
        send_failed(c.id, wire::Step::connect, ETIMEDOUT);
        return true;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) {
        hand_over(wire::Type::connected, c.id, c.fd);
        return true;
    }
    close(c.fd);
    c.fd = -1;
    if (worth_a_retry(error, c.flags) && now_ms() < c.deadline) {
        c.next = now_ms() + 1;
        return false;
    }
    send_failed(c.id, wire::Step::connect, error);
    return true;
}

void accept_some(Listener& listener) {
    for (int i = 0; i < 16; ++i) {
        const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(wire::Type::accepted, listener.id, fd);
            continue;
        }
        // Out of descriptors or memory: the listener stays readable, so look away for a while.
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            listener.paused_until = now_ms() + 10;
        return;
    }
}

/// Makes a listening socket. Returns it, or -1 with errno.
int make_listener(const Address& address, socklen_t size, int backlog) {
    const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.any, size) == 0 && ::listen(fd, backlog) == 0) return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

uint32_t port_of(int fd) {
    Address address = {};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0 || address.any.sa_family == AF_UNIX) return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

/// Reads the address after `fixed` bytes. 0: the request has been refused.
socklen_t read_address(const Request& request, size_t fixed, Address& address) {
    const size_t length = request.header.length;
    if (length < fixed + 1 || request.body[length - 1] != 0 || strlen(request.body + fixed) != length - fixed - 1) {
        die("an address is malformed");
    }
    const socklen_t size = parse_address(request.body + fixed, address);
    if (size == 0) send_failed(request.header.id, wire::Step::request, EINVAL);
    return size;
}

}  // namespace

void connect(const Request& request) {
    Connecting c = {};
    c.size = read_address(request, wire::connect_fixed, c.address);
    if (c.size == 0) return;
    if (connecting_count == wire::max_connects) return send_failed(request.header.id, wire::Step::request, EAGAIN);
    const auto* body = reinterpret_cast<const unsigned char*>(request.body);
    const uint32_t timeout = wire::load(body + 4);
    c.id = request.header.id;
    c.flags = wire::load(body);
    c.deadline = now_ms() + (timeout < longest_timeout ? timeout : longest_timeout);
    if (!attempt(c)) connecting[connecting_count++] = c;
}

void listen(const Request& request) {
    Address address = {};
    const socklen_t size = read_address(request, wire::listen_fixed, address);
    if (size == 0) return;
    const uint32_t id = request.header.id;
    if (listener_count == wire::max_listeners) return send_failed(id, wire::Step::request, EAGAIN);
    const uint32_t backlog = wire::load(reinterpret_cast<const unsigned char*>(request.body));
    const int fd = make_listener(address, size, static_cast<int>(backlog < 4096 ? backlog : 4096));
    if (fd < 0) return send_failed(id, wire::Step::listen, errno);
    listeners[listener_count++] = Listener{id, fd, 0};
    unsigned char body[wire::listening_size];
    wire::store(body, port_of(fd));
    send(wire::Type::listening, id, body, sizeof body);
}

void cancel(const Request& request) {
    for (size_t i = 0; i < connecting_count; ++i) {
        if (connecting[i].id != request.header.id) continue;
        if (connecting[i].fd >= 0) close(connecting[i].fd);
        connecting[i] = connecting[--connecting_count];
        return send_failed(request.header.id, wire::Step::request, ECANCELED);
    }
    for (size_t i = 0; i < listener_count; ++i) {
        if (listeners[i].id != request.header.id) continue;
        close(listeners[i].fd);
        listeners[i] = listeners[--listener_count];
        return send_failed(request.header.id, wire::Step::request, ECANCELED);
    }
}

size_t add_sockets(pollfd* into, int& timeout_ms) {
    if (connecting_count + listener_count == 0) return 0;
    const uint64_t now = now_ms();
    const auto wake_at = [&](uint64_t when) {
        const int wait = when > now ? static_cast<int>(when - now) : 0;
        if (timeout_ms < 0 || wait < timeout_ms) timeout_ms = wait;
    };
    for (size_t i = 0; i < connecting_count; ++i) {
        into[i] = pollfd{connecting[i].fd, POLLOUT, 0};
        wake_at(connecting[i].fd >= 0 ? connecting[i].deadline : connecting[i].next);
    }
    for (size_t i = 0; i < listener_count; ++i) {
        const bool paused = listeners[i].paused_until > now;
        into[connecting_count + i] = pollfd{paused ? -1 : listeners[i].fd, POLLIN, 0};
        if (paused) wake_at(listeners[i].paused_until);
    }
    return connecting_count + listener_count;
}

void serve_sockets(const pollfd* polled, size_t count) {
    const size_t connects = connecting_count;
    for (size_t i = connects; i < count; ++i) {
        if (polled[i].revents != 0) accept_some(listeners[i - connects]);
    }
    // From the last, because an answered one is replaced by the last.
    for (size_t i = connects; i-- > 0;) {
        Connecting& c = connecting[i];
        const bool due = c.fd < 0 && now_ms() >= c.next;
        const bool answered = due ? attempt(c) : c.fd >= 0 && finish(c, polled[i].revents != 0);
        if (answered) c = connecting[--connecting_count];
    }
}

}  // namespace shallop::shim
