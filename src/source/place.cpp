// SPDX-License-Identifier: Apache-2.0
#include "source/place.h"

#include <shallop/base/fd.h>
#include <shallop/base/file.h>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace shallop::source {

using base::Error;
using base::Fault;
using base::Status;
namespace fs = std::filesystem;

namespace {

Status copy(const std::string& from, const std::string& to) {
    const base::Fd in(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat facts{};
    if (!in || ::fstat(in.get(), &facts) != 0) return base::file_error("read", from);
    const base::Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) return base::file_error("write", to);
    for (auto left = facts.st_size; left > 0;) {
        const auto moved = ::sendfile(out.get(), in.get(), nullptr, static_cast<std::size_t>(left));
        if (moved < 0 && errno == EINTR) continue;
        if (moved <= 0) return base::file_error("write", to);
        left -= moved;
    }
    if (::fchmod(out.get(), facts.st_mode & 0777) != 0) return base::file_error("write", to);
    return {};
}

Status link_or_copy(const std::string& from, const std::string& to) {
    if (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return {};
    const bool no_links = errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP;
    return no_links ? copy(from, to) : base::file_error("make", to);
}

}  // namespace

Status fill_place(const std::string& tree, const std::string& place) {
    std::error_code error;
    fs::recursive_directory_iterator at(tree, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        const auto from = at->path().string();
        const auto to = place + from.substr(tree.size());
        if (at->is_directory(error)) {
            if (::mkdir(to.c_str(), 0755) == 0 ? ::chmod(to.c_str(), 0755) != 0 : errno != EEXIST)
                return base::file_error("make", to);
        } else if (const auto put = link_or_copy(from, to); !put) {
            return put;
        }
    }
    if (error) return Error(Fault::storage, "cannot read " + tree + ": " + error.message());
    return {};
}

}  // namespace shallop::source
