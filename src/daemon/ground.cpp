// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <shallop/shim/binary.h>
#include <shallop/shim/door.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>

namespace shallop::daemon {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

Error failed(const std::string& what, const std::string& path) {
    return {Fault::storage, "cannot " + what + " " + path + ": " + std::strerror(errno)};
}

Status make_directory(const std::string& path, mode_t mode) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) return failed("make the directory", path);
    if (!S_ISDIR(found.st_mode)) return Error(Fault::storage, path + " is not a directory");
    if (found.st_uid != ::geteuid())
        return Error(Fault::storage, path + " belongs to another user; choose another directory or chown it");
    if (::chmod(path.c_str(), mode) != 0) return failed("set the mode of", path);
    return {};
}

/// Writes beside, then renames: a reader sees the old bytes or the new ones.
Status write_file(const std::string& path, std::span<const unsigned char> bytes, mode_t mode) {
    const std::string beside = path + ".new";
    ::unlink(beside.c_str());
    const base::Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file) return failed("write", beside);
    for (std::size_t at = 0; at < bytes.size();) {
        const auto wrote = ::write(file.get(), bytes.data() + at, bytes.size() - at);
        if (wrote <= 0) return failed("write", beside);
        at += static_cast<std::size_t>(wrote);
    }
    if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) return failed("write", beside);
    if (::rename(beside.c_str(), path.c_str()) != 0) return failed("rename to", path);
    return {};
}

/// The token of an earlier start, or a new one.
Result<std::string> kept_token(const std::string& data_dir) {
    const std::string path = data_dir + "/admin-token";
    std::ifstream file(path);
    std::string token;
    if (file && std::getline(file, token) && token.size() >= 16) return token;
    token = base::RandomIds().secret(32);
    const std::string line = token + "\n";
    const auto* bytes = reinterpret_cast<const unsigned char*>(line.data());
    if (const auto written = write_file(path, {bytes, line.size()}, 0600); !written) return written.error();
    return token;
}

}  // namespace

Result<Ground> prepare(const Settings& settings, async::BlockingPool& blocking, base::Log& log) {
    if (const auto made = make_directory(settings.data_dir, 0700); !made) return made.error();
    auto store = store::Store::open(settings.data_dir, blocking, log);  // takes the lock: from here on we are alone
    if (!store) return store.error();

    Ground ground;
    ground.blocking = &blocking;
    ground.store = std::move(*store);
    auto code = source::CodeStore::open(settings.data_dir + code_part, blocking, log);
    if (!code) return code.error();
    ground.code = std::move(*code);
    if (settings.admin_auth == "token") {
        auto token =
            settings.admin_token.empty() ? kept_token(settings.data_dir) : Result<std::string>(settings.admin_token);
        if (!token) return token.error();
        ground.admin_token = std::move(*token);
    }
    if (const auto made = make_directory(settings.run_dir, 0700); !made) return made.error();
    for (const auto* part : {"/i", "/shim"}) {
        if (const auto made = make_directory(settings.run_dir + part, 0700); !made) return made.error();
    }
    shim::Door::remove_leftovers(settings.run_dir + "/i");
    if (const auto written = shim::write_binary(settings.run_dir + "/shim/shallop-shim"); !written)
        return written.error();
    return ground;
}

std::string own_container(const std::string& mountinfo) {
    static const std::regex id("/containers/([0-9a-f]{64})/(hostname|hosts|resolv\\.conf)");
    std::smatch found;
    return std::regex_search(mountinfo, found, id) ? found[1].str() : std::string();
}

std::string host_path(const std::vector<docker::ContainerMount>& mounts, const std::string& path) {
    std::string best, source;
    for (const auto& mount : mounts) {
        const bool holds = path == mount.destination || path.starts_with(mount.destination + "/");
        if (!holds || mount.destination.size() < best.size()) continue;
        best = mount.destination;
        source = mount.source + path.substr(mount.destination.size());
    }
    return source;
}

Memory read_memory(const std::string& meminfo) {
    const auto kibibytes = [&](const std::string& name) -> base::Bytes {
        const auto at = meminfo.find("\n" + name + ":");
        const auto from = at == meminfo.npos ? (meminfo.starts_with(name + ":") ? 0 : meminfo.npos) : at + 1;
        if (from == meminfo.npos) return 0;
        return std::strtoull(meminfo.c_str() + from + name.size() + 1, nullptr, 10);
    };
    return {kibibytes("MemTotal") * 1024, kibibytes("MemAvailable") * 1024};
}

}  // namespace shallop::daemon
