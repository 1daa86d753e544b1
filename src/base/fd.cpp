// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fd.h>

#include <unistd.h>

namespace shallop::base {

void Fd::reset(int fd) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0 && old != fd) ::close(old);
}

}  // namespace shallop::base
