// SPDX-License-Identifier: Apache-2.0
// What a 64-bit program reaches through the kernel's door for 32-bit ones, where it has one.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zoo.h"

enum { vsock_family = 40, old_socket = 359, old_socketcall = 102, call_is_socket = 1, old_io_uring_setup = 425 };

#if defined(__x86_64__)
static long old_call(long number, long first, long second, long third) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(first), "c"(second), "d"(third)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}
#else
static long old_call(long number, long first, long second, long third) {
    (void)number, (void)first, (void)second, (void)third;
    return -ENOSYS;
}
#endif

/// In a child, which a kernel without that door kills.
static void try_old(char* report, const char* name, long number, long first, long second, long third) {
    const pid_t child = fork();
    if (child == 0) {
        const long result = old_call(number, first, second, third);
        _exit(result < 0 ? (int)-result : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ENOSYS;
    note(report, name, errno == 0 ? 0 : -1);
}

void old_calls(char* report) {
    try_old(report, "socket", old_socket, AF_INET, SOCK_DGRAM, 0);
    try_old(report, "vsock", old_socket, vsock_family, SOCK_STREAM, 0);
    try_old(report, "io_uring_setup", old_io_uring_setup, 1, 0, 0);
#if defined(__x86_64__)
    unsigned* const words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (!note(report, "room", words == MAP_FAILED ? -1 : 0)) return;
    memcpy(words, (unsigned[]){vsock_family, SOCK_STREAM, 0}, 3 * sizeof *words);
    try_old(report, "vsock by socketcall", old_socketcall, call_is_socket, (long)words, 0);
#endif
}
