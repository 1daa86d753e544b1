// SPDX-License-Identifier: Apache-2.0
// The floor of warm CGI: a tiny static process that starts a program with posix_spawn, reads its output to the end through a
// pipe and waits for it; several at once, for so many seconds.
//
//   spawn AT-ONCE SECONDS PROGRAM    prints: programs/s, p50 µs, p99 µs

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most_at_once = 64, most_samples = 1 << 20 };

struct running {
    pid_t pid;
    double began;
};
static struct running all[most_at_once];
static struct pollfd outputs[most_at_once];
static float took[most_samples];
static int samples;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static void start(int slot, char* program) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    char* argv[] = {program, NULL};
    char* environment[] = {NULL};
    all[slot].began = now();
    if (posix_spawn(&all[slot].pid, program, &actions, NULL, argv, environment) != 0) fail(program);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    outputs[slot] = (struct pollfd){.fd = ends[0], .events = POLLIN};
}

/// True when the program in this slot has said all and ended.
static int ended(int slot) {
    char bytes[4096];
    const ssize_t got = read(outputs[slot].fd, bytes, sizeof bytes);
    if (got < 0) fail("read");
    if (got > 0) return 0;
    close(outputs[slot].fd);
    int status = 0;
    if (waitpid(all[slot].pid, &status, 0) < 0 || status != 0) fail("waitpid");
    if (samples < most_samples) took[samples++] = (float)((now() - all[slot].began) * 1e6);
    return 1;
}

static int ascending(const void* a, const void* b) {
    const float x = *(const float*)a, y = *(const float*)b;
    return (x > y) - (x < y);
}

int main(int argc, char** argv) {
    const int at_once = argc == 4 ? atoi(argv[1]) : 0;
    if (at_once < 1 || at_once > most_at_once) {
        fputs("spawn AT-ONCE SECONDS PROGRAM\n", stderr);
        return 2;
    }
    const double began = now(), until = began + atof(argv[2]);
    for (int slot = 0; slot < at_once; ++slot) start(slot, argv[3]);
    while (now() < until) {
        if (poll(outputs, (nfds_t)at_once, -1) < 0) fail("poll");
        for (int slot = 0; slot < at_once; ++slot) {
            if (outputs[slot].revents && ended(slot)) start(slot, argv[3]);
        }
    }
    const double seconds = now() - began;
    const int counted = samples;
    for (int slot = 0; slot < at_once; ++slot) {
        while (!ended(slot)) continue;
    }
    if (counted == 0) fail("nothing ended");
    qsort(took, (size_t)counted, sizeof *took, ascending);
    printf("%.1f %.1f %.1f\n", counted / seconds, (double)took[counted / 2], (double)took[counted * 99 / 100]);
    return 0;
}
