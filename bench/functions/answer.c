// SPDX-License-Identifier: Apache-2.0
// The least HTTP server that a benchmark can call: one thread, epoll, keep-alive; the n of GET /n is the size of the
// reply's body. Listens on the unix socket given as its argument, else on $PORT (8080) of loopback.

#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
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

static int listen_on(int argc, char** argv) {
    int fd = -1;
    if (argc > 1) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
        unlink(argv[1]);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) exit(1);
        chmod(argv[1], 0666);
    } else {
        const char* port = getenv("PORT");
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port ? atoi(port) : 8080)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        const int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) exit(1);
    }
    if (listen(fd, 1024) != 0) exit(1);
    return fd;
}

static void send_all(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) continue;  // the reader is only slow: a benchmark's client reads all
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void answer(int fd, const char* head) {
    const char* at = strchr(head, '/');
    size_t size = at ? (size_t)atol(at + 1) : 2;
    if (size > largest_body) size = largest_body;
    if (size == 0) size = 2;
    static char out[largest_body + 256];
    const int length =
        snprintf(out, 256, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
    memcpy(out + length, body, size);
    send_all(fd, out, (size_t)length + size);
}

static int serve(int fd) {
    struct connection* one = connections[fd];
    const ssize_t got = recv(fd, one->bytes + one->have, buffer_size - 1 - one->have, 0);
    if (got <= 0) return 0;
    one->have += (size_t)got;
    one->bytes[one->have] = 0;
    for (char* end; (end = strstr(one->bytes, "\r\n\r\n"));) {
        answer(fd, one->bytes);
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
                if (client < 0 || client >= most_fds) continue;
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
