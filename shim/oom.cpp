// SPDX-License-Identifier: Apache-2.0
#include "oom.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace shallop::shim {
namespace {
int counter = -1;
}

void open_oom_counter() {
    counter = open("/sys/fs/cgroup/memory.events", O_RDONLY | O_CLOEXEC);
    if (counter < 0) counter = open("/sys/fs/cgroup/memory/memory.oom_control", O_RDONLY | O_CLOEXEC);
}

bool counts_oom() { return counter >= 0; }

uint64_t oom_kills() {
    char text[512];
    const ssize_t size = counter < 0 ? 0 : pread(counter, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = 0;
    const char* at = strstr(text, "oom_kill ");
    uint64_t count = 0;
    for (at = at == nullptr ? "" : at + 9; *at >= '0' && *at <= '9'; ++at) count = count * 10 + (*at - '0');
    return count;
}

}  // namespace shallop::shim
