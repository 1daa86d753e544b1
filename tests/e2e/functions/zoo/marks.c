// SPDX-License-Identifier: Apache-2.0
// What is left behind, for the next tenant or the host to find.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zoo.h"

static void try_to_open(char* report, const char* path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (note(report, path, fd)) close(fd);
}

void leave_mark(char* report) {
    note(report, "file", close(open("/tmp/mark", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
    note(report, "shared memory", close(open("/dev/shm/mark", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
    note(report, "segment", shmget(4242, 4096, IPC_CREAT | 0600));
    setenv("ZOO_MARK", "1", 1);
}

void find_mark(char* report) {
    try_to_open(report, "/tmp/mark");
    try_to_open(report, "/dev/shm/mark");
    note(report, "segment", shmget(4242, 4096, 0600));
    note(report, "variable", getenv("ZOO_MARK") ? 0 : (errno = ENOENT, -1));
}

void crash(char* report) {
    const pid_t child = fork();
    if (child == 0) raise(SIGSEGV);
    int status = 0;
    waitpid(child, &status, 0);
    notef(report, "signal: %d\ndumped: %d\n", WTERMSIG(status), WCOREDUMP(status) != 0);
}
