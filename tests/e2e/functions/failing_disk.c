// SPDX-License-Identifier: Apache-2.0
// Preloaded into the daemon: of its writes below a directory the one whose turn has come fails with EIO (tests/e2e/test_every_fault.py).
//
// $FAILING_DISK is the directory, $FAILING_DISK_CONTROL a file with one number: how many are left until the one that fails; 0 or less: none does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile long* left;
static const char* root;

__attribute__((constructor)) static void begin(void) {
    const char* const control = getenv("FAILING_DISK_CONTROL");
    const int fd = control ? (int)syscall(SYS_openat, AT_FDCWD, control, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    left = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    root = getenv("FAILING_DISK");
}

static int fails(const char* path) {
    if (!root || strncmp(path, root, strlen(root)) != 0) return 0;
    if (*left <= 0 || __sync_sub_and_fetch(left, 1) != 0) return 0;
    errno = EIO;
    return 1;
}

static int fails_at(int fd) {
    char link[64], path[4096];
    if (!root || *left <= 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define BY_FD(type, name, parameters, ...) \
    type name parameters { return fails_at(fd) ? -1 : REAL(name)(__VA_ARGS__); }
#define BY_PATH(name, parameters, ...) \
    int name parameters { return fails(path) ? -1 : REAL(name)(__VA_ARGS__); }

BY_FD(ssize_t, write, (int fd, const void* bytes, size_t size), fd, bytes, size)
BY_FD(ssize_t, pwrite, (int fd, const void* bytes, size_t size, off_t at), fd, bytes, size, at)
BY_FD(ssize_t, pwrite64, (int fd, const void* bytes, size_t size, off64_t at), fd, bytes, size, at)
BY_FD(int, fsync, (int fd), fd)
BY_FD(int, fdatasync, (int fd), fd)
BY_FD(int, ftruncate, (int fd, off_t size), fd, size)
BY_FD(int, ftruncate64, (int fd, off64_t size), fd, size)
BY_PATH(rename, (const char* path, const char* to), path, to)
BY_PATH(link, (const char* path, const char* to), path, to)
BY_PATH(mkdir, (const char* path, mode_t mode), path, mode)

#define OPEN(name)                                                                           \
    int name(const char* path, int flags, ...) {                                             \
        va_list more;                                                                        \
        va_start(more, flags);                                                               \
        const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                                        \
        if ((flags & O_CREAT) != 0 && fails(path)) return -1;                                \
        return REAL(name)(path, flags, mode);                                                \
    }
OPEN(open)
OPEN(open64)
