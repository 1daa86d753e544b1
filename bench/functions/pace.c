// SPDX-License-Identifier: Apache-2.0
// A client that keeps a rate: GET after GET over kept connections of loopback, begun when they are due, and counts what came back.
// A connection that is cut is a failed request, and is opened again.
//
//   pace PORT PATH CONNECTIONS RATE SECONDS    prints: sent ok failed late, p50 µs, p99 µs, longest µs

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { most_connections = 512, most_samples = 1 << 22, buffer_size = 16384 };

struct connection {
    int fd;
    double began;
    size_t have;
    char bytes[buffer_size];
};
static struct connection all[most_connections];
static int idle[most_connections], idle_count;
static long sent, ok, failed, late;
static float* took;
static int poller, port, text_size, shown;
static char text[1024];

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static void open_connection(int which) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)which};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    all[which].fd = fd;
    all[which].have = 0;
    idle[idle_count++] = which;
}

/// Counts a request that got no 200, shows the first few on stderr, and begins anew.
static void lose(int which, const char* why) {
    ++failed;
    if (shown++ < 5)
        fprintf(stderr, "pace: %s: %.*s\n", why, (int)(all[which].have > 400 ? 400 : all[which].have),
                all[which].bytes);
    close(all[which].fd);
    open_connection(which);
}

static void forget_idle(int which) {
    for (int i = 0; i < idle_count; ++i) {
        if (idle[i] == which) idle[i] = idle[--idle_count];
    }
}

static void begin(double due) {
    const int which = idle[--idle_count];
    all[which].began = now();
    late += all[which].began - due > 0.05;
    ++sent;
    if (send(all[which].fd, text, (size_t)text_size, MSG_NOSIGNAL) != text_size) lose(which, "cannot send");
}

/// The whole size of the reply whose head is there: with Content-Length, else 0.
static size_t whole(const char* head, const char* end) {
    const char* field = strcasestr(head, "\r\ncontent-length:");
    return field && field < end ? (size_t)(end - head) + 4 + (size_t)atol(field + 17) : 0;
}

static void receive(int which) {
    struct connection* one = &all[which];
    const ssize_t got = recv(one->fd, one->bytes + one->have, buffer_size - 1 - one->have, 0);
    if (got <= 0) {
        int waiting = 0;
        for (int i = 0; i < idle_count; ++i) waiting |= idle[i] == which;
        if (!waiting) return lose(which, "cut");
        forget_idle(which);  // closed between two requests: no request was lost
        close(one->fd);
        return open_connection(which);
    }
    one->have += (size_t)got;
    one->bytes[one->have] = 0;
    const char* end = strstr(one->bytes, "\r\n\r\n");
    if (!end) return;
    const size_t size = whole(one->bytes, end);
    if (size == 0) return lose(which, "a reply without Content-Length");
    if (one->have < size) return;
    if (strncmp(one->bytes, "HTTP/1.1 200 ", 13) != 0) return lose(which, "no 200");
    if (ok < most_samples) took[ok] = (float)((now() - one->began) * 1e6);
    ++ok;
    one->have = 0;
    idle[idle_count++] = which;
}

static int ascending(const void* a, const void* b) {
    const float x = *(const float*)a, y = *(const float*)b;
    return (x > y) - (x < y);
}

static void turn(int milliseconds) {
    struct epoll_event ready[128];
    const int count = epoll_wait(poller, ready, 128, milliseconds);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; ++i) receive((int)ready[i].data.u32);
}

int main(int argc, char** argv) {
    const int connections = argc == 6 ? atoi(argv[3]) : 0;
    if (connections < 1 || connections > most_connections || strlen(argv[2]) > 800) {
        fputs("pace PORT PATH CONNECTIONS RATE SECONDS\n", stderr);
        return 2;
    }
    took = malloc(sizeof *took * most_samples);
    port = atoi(argv[1]);
    text_size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; ++i) open_connection(i);
    const double rate = atof(argv[4]), began = now(), until = began + atof(argv[5]);
    while (now() < until) {
        while (idle_count > 0 && began + (double)sent / rate <= now()) begin(began + (double)sent / rate);
        turn(idle_count > 0 ? 1 : 100);
    }
    const double patience = now() + 30;
    while (idle_count < connections && now() < patience) turn(100);
    failed += connections - idle_count;
    const long counted = ok < most_samples ? ok : most_samples;
    qsort(took, (size_t)counted, sizeof *took, ascending);
    printf("%ld %ld %ld %ld %.1f %.1f %.1f\n", sent, ok, failed, late, counted ? (double)took[counted / 2] : 0,
           counted ? (double)took[counted * 99 / 100] : 0, counted ? (double)took[counted - 1] : 0);
    return 0;
}
