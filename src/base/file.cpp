// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fd.h>
#include <shallop/base/file.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace shallop::base {

Error file_error(const std::string& what, const std::string& path) {
    return {Fault::storage, "cannot " + what + " " + path + ": " + std::strerror(errno)};
}

Status sync_directory(const std::string& path) {
    const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0) return file_error("flush", path);
    return {};
}

}  // namespace shallop::base
