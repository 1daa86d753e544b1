// SPDX-License-Identifier: Apache-2.0
// The HTTP server that the end-to-end tests make functions of: well-behaved and otherwise, by the path that is asked for.
//
//   server [unix:PATH]   serves on the socket, else on $PORT (8080) of loopback; a thread for each connection
//   server never         says so on stderr and never listens
//   server fail          says why on stderr and exits with 3

#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { largest_head = 64 * 1024, piece = 64 * 1024 };

static char host[64];
static atomic_int connections, probes, released;

struct connection {
    int fd;
    size_t have, head;  // bytes read ahead, and how many of them are the head
    long long length;   // of the body; -1 chunked
    char method[16], path[64], query[256];
    char bytes[largest_head + 1];
};

static int send_all(int fd, const void* bytes, size_t size) {
    for (const char* at = bytes; size > 0;) {
        const ssize_t sent = write(fd, at, size);  // SIGPIPE is ignored
        if (sent <= 0) return 0;
        at += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static int say(int fd, const char* text) { return send_all(fd, text, strlen(text)); }

static int sayf(int fd, const char* format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return say(fd, text);
}

static int answer(int fd, const char* body, size_t size) {
    return sayf(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Instance: %s\r\nContent-Length: %zu\r\n\r\n",
                host, size) &&
           send_all(fd, body, size);
}

static int answer_text(int fd, const char* format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return answer(fd, text, strlen(text));
}

// ---- reading a request

static int more(struct connection* one) {
    const ssize_t got = recv(one->fd, one->bytes + one->have, largest_head - one->have, 0);
    if (got <= 0) return 0;
    one->have += (size_t)got;
    one->bytes[one->have] = 0;
    return 1;
}

static void drop(struct connection* one, size_t size) {
    one->have -= size;
    memmove(one->bytes, one->bytes + size, one->have + 1);
}

static int read_head(struct connection* one) {
    char* end;
    while (!(end = strstr(one->bytes, "\r\n\r\n")))
        if (!more(one)) return 0;
    one->head = (size_t)(end + 4 - one->bytes);
    char target[256] = "";
    if (sscanf(one->bytes, "%15s %255s", one->method, target) != 2) return 0;
    char* mark = strchr(target, '?');
    snprintf(one->query, sizeof one->query, "%s", mark ? mark + 1 : "");
    if (mark) *mark = 0;
    snprintf(one->path, sizeof one->path, "%s", target);
    *end = 0;
    const char* length = strcasestr(one->bytes, "\r\ncontent-length:");
    one->length = length ? atoll(length + 17) : strcasestr(one->bytes, "\r\ntransfer-encoding:") ? -1 : 0;
    *end = '\r';
    return 1;
}

/// Bytes of the body that are not behind a chunk's frame: from what was read ahead, or new. 0: the connection ended.
static size_t take(struct connection* one, char* into, size_t size) {
    if (one->have == 0 && !more(one)) return 0;
    const size_t taken = one->have < size ? one->have : size;
    memcpy(into, one->bytes, taken);
    drop(one, taken);
    return taken;
}

static long next_chunk(struct connection* one) {
    char* end;
    while (!(end = strstr(one->bytes, "\r\n")))
        if (!more(one)) return -1;
    const long size = strtol(one->bytes, NULL, 16);
    drop(one, (size_t)(end + 2 - one->bytes));
    return size;
}

/// Reads the body, and writes it to `to` as it comes, in its own framing, unless that is -1. -1: the connection ended.
static long long pass_body(struct connection* one, int to) {
    static _Thread_local char buffer[piece];
    long long total = 0;
    long left = one->length < 0 ? 0 : -1;
    long long rest = one->length;
    for (;;) {
        if (one->length < 0 && left == 0) {
            left = next_chunk(one);
            if (left < 0) return -1;
            if (to >= 0 && !sayf(to, "%lx\r\n", left)) return -1;
            rest = left;
        }
        while (rest > 0) {
            const size_t got = take(one, buffer, rest < piece ? (size_t)rest : piece);
            if (got == 0 || (to >= 0 && !send_all(to, buffer, got))) return -1;
            rest -= (long long)got;
            total += (long long)got;
        }
        if (one->length >= 0) return total;
        char end[2];
        for (size_t have = 0; have < 2;) {
            const size_t got = take(one, end + have, 2 - have);
            if (got == 0) return -1;
            have += got;
        }
        if (to >= 0 && !say(to, "\r\n")) return -1;
        if (left == 0) return total;
        left = 0;
    }
}

// ---- what it does, by path; 0: the connection is over

static int give(int fd, long long size) {
    static const char block[piece] = {[0 ... piece - 1] = 'x'};
    if (!sayf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", size)) return 0;
    for (; size > 0; size -= piece)
        if (!send_all(fd, block, size < piece ? (size_t)size : piece)) return 0;
    return 1;
}

/// One event, then each next one when somebody has asked for /release once more.
static int events(int fd, int count) {
    const int before = released;
    if (!say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")) return 0;
    for (int i = 0; i < count; ++i) {
        while (released < before + i) usleep(1000);
        char event[32];
        const int size = snprintf(event, sizeof event, "data: %d\n\n", i);
        if (!sayf(fd, "%x\r\n%s\r\n", size, event)) return 0;
    }
    return say(fd, "0\r\n\r\n");
}

/// Sends back all that it has seen, once it has all of it: the head as it came, then the body in its own framing.
static int whole(struct connection* one) {
    const int client = one->fd;
    const int seen = memfd_create("seen", MFD_CLOEXEC);
    const int chunked = one->length < 0;
    if (chunked) sayf(seen, "%zx\r\n", one->head);
    send_all(seen, one->bytes, one->head);
    if (chunked) say(seen, "\r\n");
    drop(one, one->head);
    int sent = pass_body(one, seen) >= 0 && say(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");
    const off_t size = lseek(seen, 0, SEEK_END);
    if (chunked) sent = sent && say(client, "Transfer-Encoding: chunked\r\n\r\n");
    if (!chunked) sent = sent && sayf(client, "Content-Length: %lld\r\n\r\n", (long long)size);
    off_t at = 0;
    while (sent && at < size && strcmp(one->method, "HEAD") != 0) sent = sendfile(client, seen, &at, (size_t)size) > 0;
    close(seen);
    return sent;
}

/// Sends the request's body as it is: a reply, or something else.
static int repeat(struct connection* one) {
    drop(one, one->head);
    while ((long long)one->have < one->length)
        if (!more(one)) return 0;
    const int sent = send_all(one->fd, one->bytes, (size_t)one->length);
    drop(one, (size_t)one->length);
    return sent;
}

static int upgrade(struct connection* one) {
    char buffer[4096];
    if (!say(one->fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")) return 0;
    for (size_t got; (got = take(one, buffer, sizeof buffer)) > 0;)
        if (!send_all(one->fd, buffer, got)) return 0;
    return 0;
}

static int endless(int fd) {
    if (!say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")) return 0;
    while (say(fd, "5\r\nagain\r\n")) usleep(20000);
    return 0;
}

static void* burn(void* nothing) {
    for (volatile unsigned long n = 0;; ++n) {
    }
    return nothing;
}

struct canned {
    const char* path;
    const char* bytes;
    int stays;  // the connection is kept open afterwards
};

static const struct canned all_canned[] = {
    {"/204", "HTTP/1.1 204 No Content\r\nX-Kind: empty\r\n\r\n", 1},
    {"/304", "HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\nContent-Length: 1234\r\n\r\n", 1},
    {"/early",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
     "5\r\n\r\nlate\n",
     1},
    {"/close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nbye!\n", 0},
    {"/old", "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end\n", 0},
    {"/hops",
     "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=30\r\nX-Hop: 1\r\nProxy-Authenticate: "
     "Basic\r\nX-Shallop-Invocation-Id: mine\r\nX-Kept: 1\r\nContent-Length: 3\r\n\r\nok\n",
     1},
    {"/garbage", "\x16\x03\x01\x02 this is no HTTP\r\n\r\n", 0},
    {"/half-head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Cut", 0},
    {"/silent", "", 0},
    {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes\n", 0},
    {"/long", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfive\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nleaked\n",
     1},
    {"/split",
     "HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
     "7\r\n\r\nleaked\n",
     1},
    {"/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nfive\n", 1},
    {"/both", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 1},
    {"/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive\n\r\nzz\r\n", 1},
    {"/cut-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive\n\r\n", 0},
    {"/unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nleaked\n", 1},
};

static int act(struct connection* one) {
    const int fd = one->fd;
    const int number = atoi(one->query);
    const char* path = one->path;
    if (strcmp(path, "/head") == 0) {
        answer(fd, one->bytes, one->head);
        drop(one, one->head);
        return 1;
    }
    if (strncmp(path, "/whole", 6) == 0) return whole(one);
    if (strcmp(path, "/repeat") == 0) return repeat(one);
    drop(one, one->head);
    if (strcmp(path, "/echo") == 0) {
        const int begun = one->length < 0 ? say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                                          : sayf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", one->length);
        return begun && pass_body(one, fd) >= 0;
    }
    if (strcmp(path, "/upgrade") == 0) return upgrade(one);
    const long long took = pass_body(one, -1);
    if (took < 0) return 0;
    if (strcmp(path, "/take") == 0) return answer_text(fd, "%lld\n", took);
    if (strcmp(path, "/give") == 0 && strcmp(one->method, "HEAD") != 0) return give(fd, atoll(one->query));
    if (strcmp(path, "/give") == 0) return sayf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", one->query);
    if (strcmp(path, "/sleep") == 0) usleep((useconds_t)number * 1000);
    if (strcmp(path, "/events") == 0) return events(fd, number);
    if (strcmp(path, "/release") == 0) return answer_text(fd, "%d\n", ++released);
    if (strcmp(path, "/connections") == 0) return answer_text(fd, "%d\n", connections);
    if (strcmp(path, "/env") == 0) return answer_text(fd, "%s\n", getenv(one->query) ? getenv(one->query) : "(none)");
    if (strcmp(path, "/ready") == 0) {
        const int ready = ++probes > 2;
        return sayf(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", ready ? "200 OK" : "503 Not Yet");
    }
    if (strcmp(path, "/probes") == 0) return answer_text(fd, "%d\n", probes);
    if (strcmp(path, "/log") == 0) fprintf(stderr, "said %s\n", one->query);
    if (strcmp(path, "/endless") == 0) return endless(fd);
    if (strcmp(path, "/exit") == 0) _exit(number);
    if (strcmp(path, "/exit-in-body") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes\n");
        usleep(20000);
        _exit(number);
    }
    if (strcmp(path, "/burn") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, burn, NULL);
    }
    for (size_t i = 0; i < sizeof all_canned / sizeof *all_canned; ++i)
        if (strcmp(path, all_canned[i].path) == 0) return say(fd, all_canned[i].bytes) && all_canned[i].stays;
    return answer_text(fd, "%s %s\n", one->query, host);
}

static void* serve(void* given) {
    struct connection* one = given;
    while (read_head(one) && act(one)) {
    }
    close(one->fd);
    free(one);
    return NULL;
}

static int listen_on(const char* path) {
    int fd = -1;
    if (path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        unlink(path);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) return -1;
        chmod(path, 0666);
    } else {
        const char* port = getenv("PORT");
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port ? atoi(port) : 8080))};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        const int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) return -1;
    }
    return listen(fd, 1024) == 0 ? fd : -1;
}

int main(int argc, char** argv) {
    signal(SIGPIPE, SIG_IGN);
    gethostname(host, sizeof host - 1);
    const char* mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "never") == 0) {
        fprintf(stderr, "still looking for the database\n");
        for (;;) pause();
    }
    if (strcmp(mode, "fail") == 0) {
        fprintf(stderr, "there is no database\n");
        return 3;
    }
    const int listening = listen_on(strncmp(mode, "unix:", 5) == 0 ? mode + 5 : NULL);
    if (listening < 0) {
        perror("listen");
        return 1;
    }
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (;;) {
        const int fd = accept(listening, NULL, NULL);
        if (fd < 0) continue;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection* one = calloc(1, sizeof *one);
        if (!one) return 1;
        one->fd = fd;
        ++connections;
        pthread_t thread;
        if (pthread_create(&thread, &small, serve, one) != 0) return 1;
    }
}
