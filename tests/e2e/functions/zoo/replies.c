// SPDX-License-Identifier: Apache-2.0
// Replies that are none, or never end, or are more than one.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "zoo.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define LEAK "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nleaked\n"

int say_bytes(int fd, const void* bytes, size_t size) {
    for (const char* at = bytes; size > 0;) {
        const ssize_t sent = write(fd, at, size);
        if (sent <= 0) return 0;
        at += sent;
        size -= (size_t)sent;
    }
    return 1;
}

int say(int fd, const char* text) { return say_bytes(fd, text, strlen(text)); }

void say_for_ever(int fd, const char* text) {
    static _Thread_local char many[64 * 1024];
    const size_t length = strlen(text);
    size_t size = 0;
    for (; size + length <= sizeof many; size += length) memcpy(many + size, text, length);
    while (say_bytes(fd, many, size)) {
    }
}

void stay(void) {
    for (;;) pause();
}

static void drip(int fd, const char* text) {
    for (; *text && say_bytes(fd, text, 1); ++text) usleep(50 * 1000);
}

static void send_nothing(int fd) {
    (void)fd;
    stay();
}

static void send_until_the_end(int fd, const char* text) {
    say(fd, text);
    stay();
}

#define HANGS(name, text) \
    static void name(int fd) { send_until_the_end(fd, text); }
#define ENDLESS(name, head, piece) \
    static void name(int fd) {     \
        say(fd, head);             \
        say_for_ever(fd, piece);   \
    }
#define ONCE(name, text) \
    static void name(int fd) { say(fd, text); }

HANGS(half_status_line_hangs, "HTTP/1.1 20")
HANGS(half_head_hangs, OK "Content-Le")
HANGS(short_hangs, OK "Content-Length: 100\r\n\r\nten bytes\n")
HANGS(half_chunk_hangs, CHUNKED "64\r\nten bytes\n")
ONCE(half_status_line, "HTTP/1.1 20")
ONCE(half_head, OK "Content-Le")
ONCE(too_short, OK "Content-Length: 100\r\n\r\nten bytes\n")
ONCE(too_long, OK "Content-Length: 5\r\n\r\nfive\nleaked\n")
ONCE(two_replies, OK "Content-Length: 5\r\n\r\nfive\n" LEAK)
ONCE(body_of_204, "HTTP/1.1 204 No Content\r\n\r\nleaked\n")
ONCE(unasked_switch, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nleaked\n")
ONCE(line_feed_in_field, OK "X-A: 1\nX-B: 2\r\nContent-Length: 0\r\n\r\n" LEAK)
ONCE(return_in_field, OK "X-A: 1\rX-B: 2\r\nContent-Length: 0\r\n\r\n" LEAK)
ONCE(folded_field, OK "X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n")
ONCE(space_before_colon, OK "Content-Length : 5\r\n\r\nfive\n")
ONCE(two_lengths, OK "Content-Length: 5\r\nContent-Length: 50\r\n\r\nfive\n")
ONCE(negative_length, OK "Content-Length: -5\r\n\r\nfive\n")
ONCE(huge_length, OK "Content-Length: 99999999999999999999999\r\n\r\nfive\n")
ONCE(length_and_chunks, OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
ONCE(chunked_twice, OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
ONCE(gzip_coding, OK "Transfer-Encoding: gzip\r\n\r\nfive\n")
ONCE(huge_chunk, CHUNKED "fffffffffffffffff\r\nfive\n\r\n0\r\n\r\n")
ONCE(negative_chunk, CHUNKED "-5\r\nfive\n\r\n0\r\n\r\n")
ONCE(garbage, "\x16\x03\x01\x02 this is no HTTP\r\n\r\n")
ONCE(no_head, "<html>a reply as of 1991</html>\n")
ONCE(http2, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
ONCE(no_such_status, "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n")
ONCE(four_digits, "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n")
ONCE(nothing_at_all, "")
ENDLESS(endless_status_line, "HTTP/1.1 200 ", "and so on ")
ENDLESS(endless_head, OK, "X-And: so on\r\n")
ENDLESS(endless_field, OK "X-Long: ", "and so on ")
ENDLESS(endless_body, CHUNKED, "10\r\nand so on and on\r\n")
ENDLESS(endless_until_close, "HTTP/1.0 200 OK\r\n\r\n", "and so on ")
ENDLESS(endless_length, OK "Content-Length: 9000000000000000\r\n\r\n", "and so on ")
ENDLESS(endless_extension, CHUNKED "5;", "and=so-on;")
ENDLESS(endless_chunk_size, CHUNKED, "00000000")
ENDLESS(endless_trailer, CHUNKED "0\r\n", "X-And: so on\r\n")
ENDLESS(endless_interim, "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
ENDLESS(endless_empty_lines, "", "\r\n")

static void nul_in_field(int fd) {
    static const char bytes[] = OK "X-A: 1\0002\r\nContent-Length: 0\r\n\r\n";
    say_bytes(fd, bytes, sizeof bytes - 1);
}

static void huge_field(int fd) {
    char field[100 * 1024];
    memset(field, 'x', sizeof field);
    say(fd, OK "X-Huge: ");
    say_bytes(fd, field, sizeof field);
    say(fd, "\r\nContent-Length: 0\r\n\r\n");
}

static void dripping_head(int fd) {
    say(fd, OK);
    for (;;) drip(fd, "X-And: so on\r\n");
}

static void dripping_body(int fd) {
    say(fd, OK "Content-Length: 100000\r\n\r\n");
    for (;;) drip(fd, "and so on ");
}

/// What nobody asked for comes when the reply is over and the connection rests.
static void late_bytes(int fd) {
    say(fd, OK "Content-Length: 5\r\n\r\nfive\n");
    usleep(20 * 1000);
    say(fd, LEAK);
    usleep(500 * 1000);
}

static void reset(int fd) {
    const struct linger at_once = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void reset_in_body(int fd) {
    say(fd, OK "Content-Length: 100\r\n\r\nten bytes\n");
    usleep(50 * 1000);
    reset(fd);
}

static void urgent_byte(int fd) {
    send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL);
    say(fd, OK "Connection: close\r\nContent-Length: 5\r\n\r\nfive\n");
}

/// The socket was the shim's, and its file description is the daemon's too: a read of the daemon that counts on O_NONBLOCK would now wait.
static void waits_on_both_ends(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    say(fd, "HTTP/1.1 ");
    stay();
}

static void exits(int status, int fd) {
    (void)fd;
    _exit(status);
}
static void exits_with_0(int fd) { exits(0, fd); }
static void exits_with_1(int fd) { exits(1, fd); }
static void exits_with_137(int fd) { exits(137, fd); }

static void crashes(int fd) {
    (void)fd;
    raise(SIGSEGV);
}

static void crashes_in_body(int fd) {
    say(fd, OK "Content-Length: 100\r\n\r\nten bytes\n");
    usleep(50 * 1000);
    raise(SIGSEGV);
}

static void stops_itself(int fd) {
    (void)fd;
    kill(getpid(), SIGSTOP);
    stay();
}

static void kills_all_it_can(int fd) {
    (void)fd;
    kill(-1, SIGKILL);
    kill(1, SIGKILL);
    kill(getpid(), SIGKILL);
}

const struct reply http_replies[] = {
    {"never-answers", send_nothing},
    {"half-status-line-hangs", half_status_line_hangs},
    {"half-head-hangs", half_head_hangs},
    {"short-hangs", short_hangs},
    {"half-chunk-hangs", half_chunk_hangs},
    {"half-status-line", half_status_line},
    {"half-head", half_head},
    {"too-short", too_short},
    {"too-long", too_long},
    {"two-replies", two_replies},
    {"body-of-204", body_of_204},
    {"late-bytes", late_bytes},
    {"unasked-switch", unasked_switch},
    {"line-feed-in-field", line_feed_in_field},
    {"return-in-field", return_in_field},
    {"nul-in-field", nul_in_field},
    {"folded-field", folded_field},
    {"space-before-colon", space_before_colon},
    {"huge-field", huge_field},
    {"two-lengths", two_lengths},
    {"negative-length", negative_length},
    {"huge-length", huge_length},
    {"length-and-chunks", length_and_chunks},
    {"chunked-twice", chunked_twice},
    {"gzip-coding", gzip_coding},
    {"huge-chunk", huge_chunk},
    {"negative-chunk", negative_chunk},
    {"garbage", garbage},
    {"no-head", no_head},
    {"http2", http2},
    {"no-such-status", no_such_status},
    {"four-digits", four_digits},
    {"closes-at-once", nothing_at_all},
    {"resets", reset},
    {"resets-in-body", reset_in_body},
    {"urgent-byte", urgent_byte},
    {"endless-status-line", endless_status_line},
    {"endless-head", endless_head},
    {"endless-field", endless_field},
    {"endless-body", endless_body},
    {"endless-until-close", endless_until_close},
    {"endless-length", endless_length},
    {"endless-extension", endless_extension},
    {"endless-chunk-size", endless_chunk_size},
    {"endless-trailer", endless_trailer},
    {"endless-interim", endless_interim},
    {"endless-empty-lines", endless_empty_lines},
    {"dripping-head", dripping_head},
    {"dripping-body", dripping_body},
    {"waits-on-both-ends", waits_on_both_ends},
    {"exits-with-0", exits_with_0},
    {"exits-with-1", exits_with_1},
    {"exits-with-137", exits_with_137},
    {"crashes", crashes},
    {"crashes-in-body", crashes_in_body},
    {"stops-itself", stops_itself},
    {"kills-all-it-can", kills_all_it_can},
    {NULL, NULL},
};

// ---- as a CGI program

#define TEXT "Content-Type: text/plain\r\n"

ONCE(cgi_half_head, TEXT "X-Cut")
ONCE(cgi_too_short, TEXT "Content-Length: 100\r\n\r\nten bytes\n")
ONCE(cgi_too_long, TEXT "Content-Length: 5\r\n\r\nfive\nand more\n")
ONCE(cgi_return_in_field, TEXT "X-A: 1\rX-B: 2\r\n\r\nleaked\n")
ONCE(cgi_bad_status, "Status: 99 Low\r\n\r\nleaked\n")
ONCE(cgi_interim_status, "Status: 101 Switching Protocols\r\n\r\nleaked\n")
ENDLESS(cgi_endless_head, TEXT, "X-And: so on\r\n")
ENDLESS(cgi_endless_body, TEXT "\r\n", "and so on ")
HANGS(cgi_half_head_hangs, TEXT "X-Cut")
HANGS(cgi_half_body_hangs, TEXT "\r\nten bytes\n")

static void cgi_nul_in_field(int fd) {
    static const char bytes[] = TEXT "X-A: 1\0002\r\n\r\nleaked\n";
    say_bytes(fd, bytes, sizeof bytes - 1);
}

static void cgi_closes_and_hangs(int fd) {
    close(fd);
    stay();
}

static void cgi_ignores_term(int fd) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    (void)fd;
    stay();
}

/// The answer is there, the process too, and so is one that nobody knows as its child.
static void cgi_daemon_holds_the_output(int fd) {
    if (fork() == 0) {
        setsid();
        if (fork() != 0) _exit(0);
        stay();
    }
    say(fd, TEXT "\r\nfine\n");
}

/// The pipe's other end is the daemon's: it must not wait on it for what this one takes out.
static void cgi_steals_its_own_output(int fd) {
    char name[32], taken[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const int other = open(name, O_RDONLY | O_NONBLOCK);
    say(fd, TEXT "\r\n");
    for (int i = 0; i < 200000; ++i) {
        say(fd, "stolen\n");
        if (read(other, taken, sizeof taken) < 0) continue;
    }
    say(fd, "fine\n");
}

const struct reply cgi_replies[] = {
    {"never-answers", send_nothing},
    {"half-head", cgi_half_head},
    {"half-head-hangs", cgi_half_head_hangs},
    {"half-body-hangs", cgi_half_body_hangs},
    {"too-short", cgi_too_short},
    {"too-long", cgi_too_long},
    {"return-in-field", cgi_return_in_field},
    {"nul-in-field", cgi_nul_in_field},
    {"bad-status", cgi_bad_status},
    {"interim-status", cgi_interim_status},
    {"endless-head", cgi_endless_head},
    {"endless-body", cgi_endless_body},
    {"closes-and-hangs", cgi_closes_and_hangs},
    {"prints-nothing", nothing_at_all},
    {"ignores-term", cgi_ignores_term},
    {"daemon-holds-the-output", cgi_daemon_holds_the_output},
    {"steals-its-own-output", cgi_steals_its_own_output},
    {"exits-with-0", exits_with_0},
    {"exits-with-1", exits_with_1},
    {"exits-with-137", exits_with_137},
    {"crashes", crashes},
    {"stops-itself", stops_itself},
    {"kills-all-it-can", kills_all_it_can},
    {NULL, NULL},
};
