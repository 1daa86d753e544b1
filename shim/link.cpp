// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace shallop::shim {
namespace {

int link_fd = -1;
unsigned char incoming[wire::max_frame + 1];

void say(const char* text) {
    if (write(2, text, strlen(text)) < 0) return;
}

/// Takes the descriptors out of `message`; more than fit are closed by the kernel and show as MSG_CTRUNC.
void take_fds(msghdr& message, Request& request) {
    request.fd_count = 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            if (request.fd_count < 3) {
                request.fds[request.fd_count++] = fd;
            } else {
                close(fd);
                message.msg_flags |= MSG_CTRUNC;
            }
        }
    }
}

}  // namespace

void Request::close_fds() {
    for (int i = 0; i < fd_count; ++i) close(fds[i]);
    fd_count = 0;
}

void connect_to_daemon() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, wire::socket_path, sizeof wire::socket_path);
    link_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (link_fd < 0) die("no socket to be had");
    while (connect(link_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        if (errno != EINTR) die("the daemon is not listening at /.shallop/s");
    }
}

int daemon_fd() { return link_fd; }

bool receive(Request& request) {
    iovec part = {incoming, wire::max_frame};
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(3 * sizeof(int))];
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(link_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        if (errno == EAGAIN || errno == EINTR) return false;
        end();
    }
    if (size == 0) end();
    take_fds(message, request);
    if ((message.msg_flags & MSG_TRUNC) != 0) die("a frame is too large");
    if (!wire::load_header(incoming, static_cast<size_t>(size), request.header)) die("a frame is malformed");
    // The kernel could not give us all descriptors: for want of numbers, which is no fault of the daemon.
    if ((message.msg_flags & MSG_CTRUNC) != 0) request.close_fds();
    incoming[size] = 0;
    request.body = reinterpret_cast<char*>(incoming + wire::header_size);
    return true;
}

int send(wire::Type type, uint32_t id, const unsigned char* body, size_t size, int fd) {
    unsigned char header[wire::header_size];
    wire::store_header(header, wire::Header{type, id, static_cast<uint32_t>(size)});
    iovec parts[2] = {{header, sizeof header}, {const_cast<unsigned char*>(body), size}};
    alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    for (;;) {
        if (sendmsg(link_fd, &message, MSG_NOSIGNAL) >= 0) return 0;
        if (errno == EINTR) continue;
        // Only the kernel's bookkeeping of descriptors on their way may refuse; all else is the end of the connection.
        if (fd >= 0 && (errno == ETOOMANYREFS || errno == EBADF || errno == ENOMEM || errno == ENOBUFS)) return errno;
        end();
    }
}

void send_failed(uint32_t id, wire::Step step, int error, const char* what, const char* where) {
    unsigned char body[wire::failed_fixed + 2 * (wire::max_text + 1)];
    wire::store(body, static_cast<uint32_t>(step));
    wire::store(body + 4, static_cast<uint32_t>(error));
    size_t size = wire::failed_fixed;
    const char* texts[2] = {what, where};
    for (const char* text : texts) {
        const size_t length = strnlen(text, wire::max_text);
        memcpy(body + size, text, length);
        size += length;
        body[size++] = 0;
    }
    send(wire::Type::failed, id, body, size);
}

void end() {
    if (getpid() == 1) kill(-1, SIGKILL);
    _exit(0);
}

void die(const char* why) {
    say("shallop-shim: ");
    say(why);
    say("\n");
    if (getpid() == 1) kill(-1, SIGKILL);
    _exit(70);
}

}  // namespace shallop::shim
