// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/fd.h>
#include <shallop/shim/binary.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" {
extern const unsigned char shallop_shim_bytes[];
extern const unsigned long shallop_shim_bytes_size;
}

namespace shallop::shim {

using base::Error;
using base::Fault;

std::span<const unsigned char> binary() { return {shallop_shim_bytes, shallop_shim_bytes_size}; }

namespace {

bool is_there(const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0 || (status.st_mode & 07777) != 0555) return false;
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto wanted = binary();
    return bytes.size() == wanted.size() && std::memcmp(bytes.data(), wanted.data(), wanted.size()) == 0;
}

Error failed(const std::string& path) { return {Fault::storage, "cannot write " + path + ": " + std::strerror(errno)}; }

}  // namespace

base::Status write_binary(const std::string& path) {
    if (is_there(path)) return {};
    const std::string fresh = path + ".new";
    const auto bytes = binary();
    unlink(fresh.c_str());
    base::Fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500));
    if (!file) return failed(fresh);
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written != static_cast<ssize_t>(bytes.size()) || fchmod(file.get(), 0555) != 0) return failed(fresh);
    file.reset();  // a file that is open for writing cannot be executed
    if (rename(fresh.c_str(), path.c_str()) != 0) return failed(path);
    return {};
}

}  // namespace shallop::shim
