// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shallop::shim {
namespace {

constexpr char beside_suffix[] = ".new";

/// "." and the name and the suffix: the daemon asks for no name that begins with a dot.
void name_beside(const char* name, char* beside) {
    const size_t length = strlen(name);
    beside[0] = '.';
    memcpy(beside + 1, name, length);
    memcpy(beside + 1 + length, beside_suffix, sizeof beside_suffix);
}

bool write_all(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t wrote = write(fd, bytes, size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes += wrote;
        size -= static_cast<size_t>(wrote);
    }
    return true;
}

/// Makes `beside` in `directory`, which the function can write to as well: what lies there under that name is removed, never followed.
bool make(int directory, const char* beside, const NewFile& file) {
    if (unlinkat(directory, beside, 0) != 0 && errno != ENOENT) return false;
    const int fd = openat(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool made = write_all(fd, file.bytes, file.size) && fchmod(fd, file.mode) == 0;
    const int error = errno;
    close(fd);
    errno = error;
    return made;
}

/// 0, or the errno.
int place(const NewFile& file) {
    const int directory = open(wire::files_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return errno;
    char beside[wire::max_file_name + sizeof beside_suffix + 1];
    name_beside(file.name, beside);
    int error = 0;
    if (!make(directory, beside, file) || renameat(directory, beside, directory, file.name) != 0) {
        error = errno;
        unlinkat(directory, beside, 0);
    }
    close(directory);
    return error;
}

}  // namespace

bool read_file(const char* body, size_t length, NewFile& file) {
    if (length < wire::file_fixed) return false;
    const uint32_t mode = wire::load(reinterpret_cast<const unsigned char*>(body));
    if ((mode & ~0777U) != 0) return false;
    file.mode = static_cast<mode_t>(mode);
    file.name = body + wire::file_fixed;
    const auto* zero = static_cast<const char*>(memchr(file.name, 0, length - wire::file_fixed));
    if (zero == nullptr) return false;
    const size_t name_length = static_cast<size_t>(zero - file.name);
    if (name_length == 0 || name_length > wire::max_file_name || file.name[0] == '.') return false;
    if (memchr(file.name, '/', name_length) != nullptr) return false;
    file.bytes = zero + 1;
    file.size = static_cast<size_t>(body + length - file.bytes);
    return true;
}

void write_file(Request& request) {
    NewFile file = {};
    if (!read_file(request.body, request.header.length, file)) die("a file frame is malformed");
    const int error = place(file);
    if (error != 0) {
        send_failed(request.header.id, wire::Step::file, error, file.name);
    } else {
        send(wire::Type::written, request.header.id, nullptr, 0);
    }
    explicit_bzero(request.body, request.header.length);
}

}  // namespace shallop::shim
