// SPDX-License-Identifier: Apache-2.0
// What uses up what there is: processes, memory, files, descriptors, time, and whatever else is counted.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "zoo.h"

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

// ---- processes

/// Processes that stay, in the group of their parent or each in a session of its own; none of them spins.
static void fork_until_refused(char* report, int own_sessions) {
    int made = 0;
    for (;; ++made) {
        const pid_t child = fork();
        if (child < 0) break;
        if (child > 0) continue;
        if (own_sessions) setsid();
        signal(SIGTERM, SIG_IGN);
        stay();
    }
    note(report, "fork", -1);
    notef(report, "processes: %d\n", made);
}

static void fork_in_group(char* report) { fork_until_refused(report, 0); }
static void fork_in_sessions(char* report) { fork_until_refused(report, 1); }

/// Every child does as its parent does, and dies and is born again for two seconds.
static void fork_bomb(char* report) {
    const double until = now() + 2;
    const pid_t first = getpid();
    while (now() < until) {
        if (fork() == 0) setsid();
    }
    if (getpid() != first) _exit(0);
    notef(report, "survived\n");
}

/// Nothing that it starts is its child or in its session.
static void leave_daemons(char* report) {
    for (int i = 0; i < 5; ++i) {
        if (fork() != 0) continue;
        setsid();
        if (fork() != 0) _exit(0);
        signal(SIGTERM, SIG_IGN);
        stay();
    }
    notef(report, "left\n");
}

static void spin(char* report) {
    for (int i = 0; i < 8; ++i) {
        if (fork() != 0) continue;
        for (const double until = now() + 2; now() < until;) {
        }
        _exit(0);
    }
    notef(report, "spinning\n");
}

// ---- memory

static void eat(size_t at_once, useconds_t pause) {
    for (;;) {
        void* piece = mmap(NULL, at_once, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED) _exit(9);
        memset(piece, 1, at_once);
        if (pause) usleep(pause);
    }
}

static void eat_memory(char* report) {
    (void)report;
    eat(16 << 20, 0);
}

static void eat_memory_slowly(char* report) {
    (void)report;
    eat(1 << 20, 5000);
}

// ---- files

static void fill(char* report, const char* path) {
    static const char block[64 * 1024] = {1};
    const int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (!note(report, "open", fd)) return;
    long total = 0;
    ssize_t got = 0;
    while (total < 4L << 30 && (got = write(fd, block, sizeof block)) > 0) total += got;
    note(report, "write", got);
    notef(report, "bytes: %ld\n", total);
    close(fd);
    unlink(path);
}

static void fill_tmp(char* report) { fill(report, "/tmp/filled"); }
static void fill_shm(char* report) { fill(report, "/dev/shm/filled"); }
static void fill_root(char* report) { fill(report, "/filled"); }
static void fill_device_folder(char* report) { fill(report, "/dev/filled"); }

static void fill_inodes(char* report) {
    char path[64];
    long made = 0;
    int fd = 0;
    for (; made < 1000000; ++made) {
        snprintf(path, sizeof path, "/tmp/i%ld", made);
        fd = open(path, O_CREAT | O_WRONLY, 0600);
        if (fd < 0) break;
        close(fd);
    }
    note(report, "create", fd);
    notef(report, "files: %ld\n", made);
    while (made-- > 0) {
        snprintf(path, sizeof path, "/tmp/i%ld", made);
        unlink(path);
    }
}

// ---- descriptors, and what the kernel counts beside them

static void use_up_descriptors(char* report) {
    static _Thread_local int held[1 << 14];
    int count = 0;
    while (count < 1 << 14 && (held[count] = open("/dev/null", O_RDONLY)) >= 0) ++count;
    note(report, "open", count < 1 << 14 ? -1 : 0);
    notef(report, "descriptors: %d\n", count);
    while (count-- > 0) close(held[count]);
}

/// Leaves as many descriptors in flight as the kernel takes, for as long as the process lives.
static void leave_descriptors_in_flight(char* report) {
    int pair[2];
    long sent = 0, result = 0;
    for (int pairs = 0; pairs < 64 && result >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0; ++pairs) {
        char byte = 0;
        struct iovec part = {&byte, 1};
        union {
            char bytes[CMSG_SPACE(200 * sizeof(int))];
            struct cmsghdr align;
        } control;
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(200 * sizeof(int));
        for (int i = 0; i < 200; ++i) memcpy(CMSG_DATA(rights) + (size_t)i * sizeof(int), &pair[0], sizeof(int));
        for (int i = 0; i < 50 && (result = sendmsg(pair[1], &message, MSG_DONTWAIT)) >= 0; ++i) sent += 200;
        if (result < 0 && errno == EAGAIN) result = 0;
    }
    note(report, "send", result);
    notef(report, "in flight: %ld\n", sent);
}

/// These are counted for the user, not for the container.
static void use_up_watches(char* report) {
    static _Thread_local int held[4096];
    int made = 0;
    while (made < 4096 && (held[made] = inotify_init1(IN_CLOEXEC)) >= 0) ++made;
    note(report, "inotify", made < 4096 ? -1 : 0);
    notef(report, "instances: %d\n", made);
    usleep(500 * 1000);
    while (made-- > 0) close(held[made]);
}

static void connect_to_itself(char* report) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bind(listening, (struct sockaddr*)&address, sizeof address);
    listen(listening, 4096);
    getsockname(listening, (struct sockaddr*)&address, &size);
    static _Thread_local int held[4096];
    int made = 0;
    for (; made < 4096 && (held[made] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) >= 0; ++made) {
        connect(held[made], (struct sockaddr*)&address, sizeof address);
        for (int i = 0; i < 64 && send(held[made], report, longest_report, MSG_NOSIGNAL) > 0; ++i) continue;
    }
    note(report, "socket", made < 4096 ? -1 : 0);
    notef(report, "sockets: %d\n", made);
    while (made-- > 0) close(held[made]);
    close(listening);
}

// ---- output

#define FORGED "time=2026-01-01T00:00:00.000Z level=error msg=\"the daemon was here\" daemon=forged\n"
#define CONTROL                   \
    "\x1b[2J\x1b]0;owned\x07\x9b" \
    "31m\r\x08\x7f\n"

static void flood(int fd) {
    const double until = now() + 1;
    char block[64 * 1024];
    for (size_t at = 0; at < sizeof block; ++at) block[at] = (FORGED CONTROL)[at % (sizeof FORGED CONTROL - 1)];
    while (now() < until && write(fd, block, sizeof block) > 0) continue;
}

static void flood_stderr(char* report) {
    flood(2);
    notef(report, "flooded\n");
}

static void flood_stdout(char* report) {
    flood(getenv("GATEWAY_INTERFACE") ? 2 : 1);
    notef(report, "flooded\n");
}

static void one_endless_line(char* report) {
    char block[64 * 1024];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 256; ++i)
        if (write(2, block, sizeof block) < 0) break;
    notef(report, "written\n");
}

static void forge_lines(char* report) {
    fputs(FORGED CONTROL "the last line\n", stderr);
    notef(report, "forged\n");
}

const struct deed harms[] = {
    {"fork-in-group", fork_in_group},
    {"fork-in-sessions", fork_in_sessions},
    {"fork-bomb", fork_bomb},
    {"leave-daemons", leave_daemons},
    {"spin", spin},
    {"eat-memory", eat_memory},
    {"eat-memory-slowly", eat_memory_slowly},
    {"fill-tmp", fill_tmp},
    {"fill-shm", fill_shm},
    {"fill-root", fill_root},
    {"fill-device-folder", fill_device_folder},
    {"fill-inodes", fill_inodes},
    {"use-up-descriptors", use_up_descriptors},
    {"leave-descriptors-in-flight", leave_descriptors_in_flight},
    {"use-up-watches", use_up_watches},
    {"connect-to-itself", connect_to_itself},
    {"flood-stderr", flood_stderr},
    {"flood-stdout", flood_stdout},
    {"one-endless-line", one_endless_line},
    {"forge-lines", forge_lines},
    {NULL, NULL},
};
