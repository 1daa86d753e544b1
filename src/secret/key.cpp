// SPDX-License-Identifier: Apache-2.0
#include "secret/key.h"

#include <shallop/base/fd.h>
#include <shallop/base/file.h>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "secret/seal.h"

namespace shallop::secret {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::SecretBytes;

constexpr std::size_t digits = key_bytes * 2;
constexpr std::size_t longest = digits + 2;  // and a line's end, as Windows has it

Error failed(const char* what, const std::string& path) {
    return {errno == ENOENT ? Fault::not_found : Fault::storage,
            std::string("cannot ") + what + " " + path + ": " + std::strerror(errno)};
}

Error no_key(const std::string& path) {
    return {Fault::invalid,
            path + " is no key: it has to have 64 hexadecimal digits, as openssl rand -hex 32 makes them"};
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto wrote = ::write(fd, bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? std::string(".") : path.substr(0, slash + 1);
}

/// The digits, and a line's end.
SecretBytes spelled(const SecretBytes& key) {
    SecretBytes text(digits + 1);
    auto* const into = reinterpret_cast<char*>(text.bytes().data());
    sodium_bin2hex(into, text.size(), key.bytes().data(), key.size());
    into[digits] = '\n';
    return text;
}

}  // namespace

Result<SecretBytes> read_key(const std::string& path, base::Log& log) {
    const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) return failed("read", path);
    if (!S_ISREG(info.st_mode)) return no_key(path);
    if ((info.st_mode & 077U) != 0) log.warn("others can read the key of the secrets: chmod 600 it", {{"path", path}});
    SecretBytes text(longest + 1);
    const auto size = ::read(fd.get(), text.bytes().data(), text.size());
    if (size < 0) return failed("read", path);
    auto line = text.view().substr(0, static_cast<std::size_t>(size));
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    auto key = line.size() == digits ? base::secret_from_hex(line) : std::nullopt;
    if (!key) return no_key(path);
    return std::move(*key);
}

Result<SecretBytes> make_key(const std::string& path) {
    SecretBytes key(key_bytes);
    randombytes_buf(key.bytes().data(), key.size());
    const auto text = spelled(key);
    const auto beside = path + ".new";
    ::unlink(beside.c_str());
    const base::Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return Error(Fault::storage, failed("make", beside).detail);
    const bool written = write_all(fd.get(), text.view()) && ::fchmod(fd.get(), 0600) == 0 && ::fsync(fd.get()) == 0;
    // A link and no renaming: what is there already is never replaced.
    const bool placed =
        written && ::link(beside.c_str(), path.c_str()) == 0 && base::sync_directory(directory_of(path));
    const auto error = Error(Fault::storage, failed("make", path).detail);
    ::unlink(beside.c_str());
    if (!placed) return error;
    return key;
}

}  // namespace shallop::secret
