// SPDX-License-Identifier: Apache-2.0
#include "packet.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace shallop::shim {

namespace {

constexpr std::size_t most_received = 4;

void take_fds(msghdr& message, std::vector<base::Fd>& into) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            into.emplace_back(fd);
        }
    }
}

int option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

int send_packet(int socket, const Packet& packet) {
    iovec parts[2] = {{const_cast<char*>(packet.bytes.data()), packet.bytes.size()},
                      {const_cast<char*>(packet.secret.view().data()), packet.secret.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = packet.secret.size() == 0 ? 1 : 2;
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(3 * sizeof(int))] = {};
    if (packet.fds[0]) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
        const int fds[3] = {packet.fds[0].get(), packet.fds[1].get(), packet.fds[2].get()};
        std::memcpy(CMSG_DATA(rights), fds, sizeof fds);
    }
    while (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

Arrival receive_packet(int socket, std::span<unsigned char> into) {
    iovec part{into.data(), into.size()};
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(most_received * sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    Arrival arrival;
    const ssize_t size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        arrival.error = errno == EINTR ? EAGAIN : errno;
        return arrival;
    }
    take_fds(message, arrival.fds);
    arrival.size = static_cast<std::size_t>(size);
    arrival.truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return arrival;
}

bool settle_stream_socket(int fd) {
    struct stat status{};
    if (fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const int domain = option(fd, SO_DOMAIN);
    if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6) return false;
    if (option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_ACCEPTCONN) != 0) return false;
    // The sender may have left it so that closing waits for the receiver.
    const linger none{};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace shallop::shim
