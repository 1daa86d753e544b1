// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <shallop/base/file.h>
#include <shallop/shim/binary.h>
#include <shallop/shim/door.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <regex>

#include "daemon/admin_token.h"

namespace shallop::daemon {
namespace {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

Status make_directory(const std::string& path, mode_t mode) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) return base::file_error("make the directory", path);
    if (!S_ISDIR(found.st_mode)) return Error(Fault::storage, path + " is not a directory");
    if (found.st_uid != ::geteuid())
        return Error(Fault::storage, path + " belongs to another user; choose another directory or chown it");
    if (::chmod(path.c_str(), mode) != 0) return base::file_error("set the mode of", path);
    return {};
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
    auto token = first_token(settings, blocking);
    if (!token) return token.error();
    ground.first_token = std::move(*token);
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
