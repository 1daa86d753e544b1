// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdio>
#include <fstream>

namespace shallop::daemon {

void trim_memory() {
    ::malloc_trim(0);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0, end = 0;
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3) continue;
        // Code only: it is never written, so that the kernel has it in the file. Relocated data looks read-only and is not.
        if (std::string_view(mode) != "r-xp" || line.find(" /") == std::string::npos) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives addresses as text.
        ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
}

}  // namespace shallop::daemon
