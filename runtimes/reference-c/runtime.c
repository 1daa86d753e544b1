// SPDX-License-Identifier: Apache-2.0
// A whole runtime: each request runs the program `entry` of the code, the body is its stdin, and what it prints is the answer.
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char head[65536], entry[1024];  // no entry: there is no code yet

static void answer(int to, const char *status, int body) {
    off_t at = 0, size = lseek(body, 0, SEEK_END);
    dprintf(to, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %ld\r\n\r\n", status, (long)size);
    while (strncmp(head, "HEAD ", 5) != 0 && at < size && sendfile(to, body, &at, size - at) > 0) {}
}

static void say(int to, const char *status, const char *text) {
    const int body = memfd_create("answer", MFD_CLOEXEC);
    dprintf(body, "%s", text);
    answer(to, status, body);
    close(body);
}

// Copies the next string of the JSON text and returns what comes after it.
static const char *string(const char *json, char *to, size_t room) {
    const char *c = strchr(json, '"');
    for (c = c ? c + 1 : json + strlen(json); *c && *c != '"'; c++) {
        if (*c == '\\' && c[1]) c++;
        if (room > 1) *to++ = *c, room--;
    }
    *to = 0;
    return *c ? c + 1 : c;
}

static void specialize(int to, const char *json) {
    static char code[1024] = "/code", name[1024], text[65536];
    const char *c = strstr(json, "\"code\":"), *e = strstr(json, "\"entry\":"), *env = strstr(json, "\"env\":");
    if (c) string(c + 7, code, sizeof code);
    if (e) string(e + 8, entry, sizeof entry);
    if (env && (env = strchr(env, '{'))) {
        for (env++; *(env += strspn(env, " ,")) == '"'; setenv(name, text, 1)) env = string(string(env, name, sizeof name), text, sizeof text);
    }
    if (!entry[0]) strcpy(entry, "main");
    if (chdir(code) == 0 && access(entry, X_OK) == 0) return say(to, "200 OK", "{\"kind\":\"program\",\"handler\":\"\"}");
    snprintf(text, sizeof text, "{\"error\":\"%s: there is no such program in the function's code\",\"detail\":\"\"}", entry);
    entry[0] = 0;
    say(to, "422 Unprocessable Entity", text);
}

static void run(int to, int body, int output) {
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        dup2(body, 0);
        dup2(output, 1);
        execl(entry, entry, NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    if (status == 0) answer(to, "200 OK", output);
    else say(to, "500 Internal Server Error", "the program has failed\n");
}

// One request of a connection, its body in a file in memory; 0 when the connection is over.
static int serve(int peer) {
    static char piece[65536];
    size_t got = 0, left = 0;
    ssize_t n;
    char *end = NULL, *field;
    for (head[0] = 0; !(end = strstr(head, "\r\n\r\n")); head[got += n] = 0) {
        if (got + 1 >= sizeof head || (n = read(peer, head + got, sizeof head - 1 - got)) <= 0) return 0;
    }
    const size_t early = got - (end + 4 - head);
    if ((field = strcasestr(head, "\r\nContent-Length:")) && field < end) left = strtoul(field + 17, NULL, 10) - early;
    const int body = memfd_create("body", MFD_CLOEXEC), output = memfd_create("output", MFD_CLOEXEC);
    for (n = write(body, end + 4, early); left > 0; left -= n) {
        if ((n = read(peer, piece, left < sizeof piece ? left : sizeof piece)) <= 0 || write(body, piece, n) != n) break;
    }
    lseek(body, 0, SEEK_SET);
    if (entry[0]) {
        run(peer, body, output);
    } else if (strncmp(head, "POST /.shallop/specialize ", 26) == 0) {
        n = read(body, piece, sizeof piece - 1);
        piece[n > 0 ? n : 0] = 0;
        specialize(peer, piece);
    } else {
        say(peer, "503 Service Unavailable", "this container has no code yet\n");
    }
    close(body);
    close(output);
    return left == 0 && !strcasestr(head, "\r\nTransfer-Encoding:");  // chunked bodies: the connection ends
}

int main(void) {
    struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "/tmp/shallop.sock"};
    struct pollfd all[256] = {{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), POLLIN, 0}};
    int count = 1;
    if (getenv("SHALLOP_SOCKET")) strncpy(where.sun_path, getenv("SHALLOP_SOCKET"), sizeof where.sun_path - 1);
    signal(SIGPIPE, SIG_IGN);
    umask(0);
    if (bind(all[0].fd, (struct sockaddr *)&where, sizeof where) != 0 || listen(all[0].fd, 1024) != 0) return perror(where.sun_path), 1;
    while (poll(all, count, -1) > 0) {
        for (int i = count - 1; i > 0; i--) {
            if (!all[i].revents || serve(all[i].fd)) continue;
            close(all[i].fd);
            all[i] = all[--count];
        }
        if (all[0].revents && count < 256) all[count++] = (struct pollfd){accept4(all[0].fd, NULL, NULL, SOCK_CLOEXEC), POLLIN, 0};
    }
    return 1;
}
