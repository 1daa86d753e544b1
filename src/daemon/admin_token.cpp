// SPDX-License-Identifier: Apache-2.0
#include "daemon/admin_token.h"

#include <shallop/base/fd.h>
#include <shallop/base/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace shallop::daemon {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

constexpr std::size_t shortest = 16;

/// Writes beside, then renames: a reader sees the old token or the new one.
Status write_token(const std::string& directory, const std::string& token) {
    const auto path = directory + "/admin-token";
    const auto beside = path + ".new";
    const auto line = token + "\n";
    ::unlink(beside.c_str());
    const base::Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return base::file_error("write", beside);
    if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        return base::file_error("write", beside);
    if (::fchmod(file.get(), 0600) != 0 || ::fsync(file.get()) != 0) return base::file_error("write", beside);
    if (::rename(beside.c_str(), path.c_str()) != 0) return base::file_error("rename to", path);
    return base::sync_directory(directory);
}

/// The token of an earlier start; "" where there is none.
std::string read_token(const std::string& directory) {
    std::ifstream file(directory + "/admin-token");
    std::string token;
    return file && std::getline(file, token) && token.size() >= shortest ? token : std::string();
}

std::optional<access::Seconds> written(const std::string& path) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) return std::nullopt;
    return access::Seconds(std::chrono::seconds(about.st_mtim.tv_sec));
}

}  // namespace

Result<access::FirstToken> first_token(const Settings& settings, async::BlockingPool& blocking) {
    access::FirstToken first;
    if (settings.admin_auth != "token") return first;
    first.secret = settings.admin_token;
    if (!first.secret.empty()) return first;
    const auto& directory = settings.data_dir;
    first.secret = read_token(directory);
    if (first.secret.empty()) {
        base::RandomIds ids;
        first.secret = access::new_secret(ids);
        if (const auto done = write_token(directory, first.secret); !done) return done.error();
    }
    first.created = written(directory + "/admin-token");
    first.keep = [directory, &blocking](std::string token) {
        return blocking.run([directory, token = std::move(token)] { return write_token(directory, token); });
    };
    return first;
}

}  // namespace shallop::daemon
