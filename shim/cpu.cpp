// SPDX-License-Identifier: Apache-2.0
#include "cpu.h"

#include "protocol.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

namespace shallop::shim {
namespace {
int counter = -1;
const char* label = "";
uint64_t unit = 1;
}  // namespace

void open_cpu_counter() {
    // Only the root of the machine's whole hierarchy has no events, and it counts the machine.
    if (access("/sys/fs/cgroup/cgroup.events", F_OK) == 0) {
        counter = open("/sys/fs/cgroup/cpu.stat", O_RDONLY | O_CLOEXEC);
        label = "usage_usec ";
        unit = 1000;
        return;
    }
    counter = open("/sys/fs/cgroup/cpuacct/cpuacct.usage", O_RDONLY | O_CLOEXEC);
    if (counter < 0) counter = open("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", O_RDONLY | O_CLOEXEC);
}

uint64_t cpu_used() {
    char text[512];
    const ssize_t size = counter < 0 ? 0 : pread(counter, text, sizeof text - 1, 0);
    if (size <= 0) return wire::used_unknown;
    text[size] = 0;
    const char* at = strstr(text, label);
    if (at == nullptr) return wire::used_unknown;
    at += strlen(label);
    if (*at < '0' || *at > '9') return wire::used_unknown;
    uint64_t count = 0;
    for (; *at >= '0' && *at <= '9'; ++at) count = count * 10 + (*at - '0');
    return count * unit;
}

}  // namespace shallop::shim
