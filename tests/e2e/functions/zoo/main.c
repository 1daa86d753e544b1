// SPDX-License-Identifier: Apache-2.0
// The frame of the zoo. What is asked for is the path: /REPLY, /harm/NAME, /probe/NAME, or / for a plain answer.
//
//   zoo             run as a CGI program, answers one event
//   zoo serve       an HTTP server on $PORT of loopback, a thread for each connection
//   zoo never | late | deaf | exits N | crashes | floods | forks | eats     servers that do not get so far, or do so with noise
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "zoo.h"

static char host[64];

void notef(char* report, const char* format, ...) {
    const size_t used = strlen(report);
    va_list values;
    va_start(values, format);
    vsnprintf(report + used, longest_report - used, format, values);
    va_end(values);
}

static const char* error_name(int error) {
    static const struct {
        int error;
        const char* name;
    } names[] = {{EPERM, "EPERM"},
                 {EACCES, "EACCES"},
                 {EROFS, "EROFS"},
                 {ENOENT, "ENOENT"},
                 {ENOSYS, "ENOSYS"},
                 {ENOSPC, "ENOSPC"},
                 {EMFILE, "EMFILE"},
                 {ENFILE, "ENFILE"},
                 {EAGAIN, "EAGAIN"},
                 {ENOMEM, "ENOMEM"},
                 {ENETUNREACH, "ENETUNREACH"},
                 {ECONNREFUSED, "ECONNREFUSED"},
                 {EINVAL, "EINVAL"},
                 {ESRCH, "ESRCH"},
                 {EAFNOSUPPORT, "EAFNOSUPPORT"},
                 {EBUSY, "EBUSY"},
                 {EDQUOT, "EDQUOT"},
                 {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
                 {ETOOMANYREFS, "ETOOMANYREFS"},
                 {EIO, "EIO"},
                 {ENODEV, "ENODEV"},
                 {ENXIO, "ENXIO"},
                 {EOPNOTSUPP, "EOPNOTSUPP"},
                 {EEXIST, "EEXIST"},
                 {ETXTBSY, "ETXTBSY"},
                 {EXDEV, "EXDEV"},
                 {EBADF, "EBADF"},
                 {EADDRNOTAVAIL, "EADDRNOTAVAIL"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        if (names[i].error == error) return names[i].name;
    return strerror(error);
}

int note(char* report, const char* name, long result) {
    notef(report, "%s: %s\n", name, result >= 0 ? "ok" : error_name(errno));
    return result >= 0;
}

static const struct deed* find_deed(const struct deed* all, const char* name) {
    for (; all->name; ++all)
        if (strcmp(all->name, name) == 0) return all;
    return NULL;
}

/// Fills `report` if the path is a deed's or no reply's at all. 0: it is a reply's.
static int do_deed(const char* path, char* report) {
    const struct deed* deed = NULL;
    if (strncmp(path, "/harm/", 6) == 0) deed = find_deed(harms, path + 6);
    if (strncmp(path, "/probe/", 7) == 0) deed = find_deed(probes, path + 7);
    if (deed) {
        deed->run(report);
        notef(report, "end\n");
        return 1;
    }
    if (strcmp(path, "/") != 0 && *path) return 0;
    notef(report, "%s\n", host);
    return 1;
}

static void send_reply(const struct reply* all, const char* path, int fd) {
    for (; all->name; ++all)
        if (strcmp(all->name, path + 1) == 0) return all->send(fd);
    say(fd, "Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno such behaviour\n");
}

// ---- an HTTP server

/// One request, its body read over. 0: the connection ended.
static int read_request(int fd, char* path) {
    char head[16 * 1024 + 1];
    size_t have = 0;
    char* end = NULL;
    while (!end) {
        const ssize_t got = have < sizeof head - 1 ? read(fd, head + have, sizeof head - 1 - have) : 0;
        if (got <= 0) return 0;
        have += (size_t)got;
        head[have] = 0;
        end = strstr(head, "\r\n\r\n");
    }
    if (sscanf(head, "%*s %127[^ ?]", path) != 1) return 0;
    const char* length = strcasestr(head, "\r\ncontent-length:");
    long left = length ? atol(length + 17) - (long)(head + have - end - 4) : 0;
    if (strcmp(path, "/never-reads") == 0) stay();
    while (left > 0) {
        const ssize_t got = read(fd, head, sizeof head);
        if (got <= 0) return 0;
        left -= got;
    }
    return 1;
}

static void* serve(void* given) {
    const int fd = (int)(long)given;
    char path[128];
    char* report = calloc(1, longest_report);
    while (report && read_request(fd, path)) {
        *report = 0;
        if (!do_deed(path, report)) {
            send_reply(http_replies, path, fd);
            break;
        }
        char head[128];
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                 strlen(report));
        if (!say(fd, head) || !say(fd, report)) break;
    }
    free(report);
    close(fd);
    return NULL;
}

static int listen_on_port(int backlog) {
    const char* port = getenv("PORT");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port ? atoi(port) : 8080))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, backlog) != 0) _exit(1);
    return fd;
}

static _Noreturn void serve_all(void) {
    const int listening = listen_on_port(1024);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 384 * 1024);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (;;) {
        const int fd = accept(listening, NULL, NULL);
        pthread_t thread;
        if (fd >= 0 && pthread_create(&thread, &small, serve, (void*)(long)fd) != 0) close(fd);
    }
}

static int misbehave_at_start(const char* how, const char* number) {
    char report[longest_report] = "";
    if (strcmp(how, "never") == 0) stay();
    if (strcmp(how, "late") == 0) usleep(700 * 1000), serve_all();
    if (strcmp(how, "deaf") == 0) return listen_on_port(0), stay(), 0;
    if (strcmp(how, "exits") == 0) return atoi(number);
    if (strcmp(how, "crashes") == 0) return raise(SIGSEGV);
    if (strcmp(how, "floods") == 0) say_for_ever(2, "level=error msg=\"forged\"\n");
    if (strcmp(how, "forks") == 0) find_deed(harms, "fork-bomb")->run(report);
    if (strcmp(how, "eats") == 0) find_deed(harms, "eat-memory")->run(report);
    stay();
}

int main(int argc, char** argv) {
    signal(SIGPIPE, SIG_IGN);
    gethostname(host, sizeof host - 1);
    if (argc > 1 && strcmp(argv[1], "serve") == 0) serve_all();
    if (argc > 1) return misbehave_at_start(argv[1], argc > 2 ? argv[2] : "0");
    const char* path = getenv("PATH_INFO");
    if (!path) path = "/";
    char report[longest_report] = "";
    if (!do_deed(path, report)) {
        send_reply(cgi_replies, path, 1);
        return 0;
    }
    return say(1, "Content-Type: text/plain\r\n\r\n") && say(1, report) ? 0 : 1;
}
