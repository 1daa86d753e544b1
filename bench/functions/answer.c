// SPDX-License-Identifier: Apache-2.0
// The least HTTP server that a benchmark can call: one thread, epoll, keep-alive; the n of GET /n is the size of the
// reply's body. Listens on the unix socket given as its argument, else on the one that $FN_LISTENER names (unix:/path), else
// on $PORT (8080) of loopback.

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { largest_body = 1 << 20, most_fds = 4096, buffer_size = 8192 };

static char body[largest_body];

struct connection {
    size_t have;
    char bytes[buffer_size];
};
static struct connection* connections[most_fds];

static int listen_unix(const char* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) exit(1);
    chmod(path, 0666);
    if (listen(fd, 1024) != 0) exit(1);
    return fd;
}

static int listen_port(const char* port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port ? atoi(port) : 8080))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1024) != 0) exit(1);
    return fd;
}

/// Who waits for $FN_LISTENER connects as soon as the file is there: it appears when the socket listens.
static int listen_linked(const char* path) {
    char hidden[108];
    snprintf(hidden, sizeof hidden, "%s.private", path);
    const int fd = listen_unix(hidden);
    if (symlink(strrchr(hidden, '/') + 1, path) != 0) exit(1);
    return fd;
}

static int listen_on(int argc, char** argv) {
    if (argc > 1) return listen_unix(argv[1]);
    const char* linked = getenv("FN_LISTENER");
    if (linked && strncmp(linked, "unix:/", 6) == 0) return listen_linked(linked + 5);
    return listen_port(getenv("PORT"));
}

/// Waits for a slow reader; 0 when it is gone.
static int send_all(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            if (errno == EINTR || (errno == EAGAIN && poll(&writable, 1, 5000) == 1)) continue;
            return 0;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static int answer(int fd, const char* head) {
    const char* at = strchr(head, '/');
    size_t size = at ? (size_t)atol(at + 1) : 2;
    if (size > largest_body) size = largest_body;
    if (size == 0) size = 2;
    static char out[largest_body + 256];
    const int length =
        snprintf(out, 256, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
    memcpy(out + length, body, size);
    return send_all(fd, out, (size_t)length + size);
}

static int serve(int fd) {
    struct connection* one = connections[fd];
    const ssize_t got = recv(fd, one->bytes + one->have, buffer_size - 1 - one->have, 0);
    if (got <= 0) return 0;
    one->have += (size_t)got;
    one->bytes[one->have] = 0;
    for (char* end; (end = strstr(one->bytes, "\r\n\r\n"));) {
        if (!answer(fd, one->bytes)) return 0;
        const size_t used = (size_t)(end + 4 - one->bytes);
        one->have -= used;
        memmove(one->bytes, end + 4, one->have + 1);
    }
    return one->have < buffer_size - 1;
}

int main(int argc, char** argv) {
    memset(body, 'x', sizeof body);
    const int listening = listen_on(argc, argv);
    const int poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};
    epoll_ctl(poller, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        struct epoll_event ready[256];
        const int count = epoll_wait(poller, ready, 256, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = ready[i].data.fd;
            if (fd == listening) {
                const int client = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0) continue;
                if (client >= most_fds) exit(1);
                const int on = 1;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on,
                           sizeof on);  // refused on a unix socket, which needs none
                connections[client] = malloc(sizeof(struct connection));
                connections[client]->have = 0;
                event.events = EPOLLIN;
                event.data.fd = client;
                epoll_ctl(poller, EPOLL_CTL_ADD, client, &event);
            } else if (!serve(fd)) {
                free(connections[fd]);
                close(fd);
            }
        }
    }
}
