// SPDX-License-Identifier: Apache-2.0
#include "contract/body_spool.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace shallop::contract {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

Error storage(const char* what) {
    return {Fault::storage, std::string("a request body could not be kept: ") + what + ": " + std::strerror(errno)};
}

/// Not every file system can make a file that never had a name.
base::Fd open_nameless(const std::string& directory) {
    base::Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
    auto path = directory + "/shallop-body-XXXXXX";
    file.reset(::mkostemp(path.data(), O_CLOEXEC));
    if (file) ::unlink(path.c_str());
    return file;
}

}  // namespace

async::Task<Status> BodySpool::fill(function::BodySource& from, base::Bytes limit) {
    constexpr std::size_t step = 64 * 1024;
    const auto buffer = std::make_unique_for_overwrite<char[]>(step);
    const std::span<char> room(buffer.get(), step);
    for (;;) {
        const auto got = co_await from.read(room);
        if (!got) co_return got.error();
        if (*got == 0) co_return Status();
        if (size_ + *got > limit) {
            co_return Error(Fault::too_large,
                            "the request body is longer than " + base::format_bytes(limit) + " (limits.request_body)");
        }
        const auto kept = keep(room.first(*got));
        if (!kept) co_return kept;
    }
}

Status BodySpool::keep(std::span<const char> bytes) {
    size_ += bytes.size();
    const auto fits = std::min(bytes.size(), in_memory - memory_.size());
    memory_.append(bytes.data(), fits);
    bytes = bytes.subspan(fits);
    if (!bytes.empty() && !file_) {
        file_ = open_nameless(directory_);
        if (!file_) return storage(directory_.c_str());
    }
    while (!bytes.empty()) {
        const auto written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return storage("write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

async::Task<Result<std::size_t>> BodySpool::read(std::span<char> into) {
    const auto size = static_cast<std::size_t>(std::min<base::Bytes>(into.size(), size_ - given_));
    if (given_ < memory_.size()) {
        const auto run = std::min(size, memory_.size() - static_cast<std::size_t>(given_));
        std::memcpy(into.data(), memory_.data() + given_, run);
        given_ += run;
        co_return run;
    }
    if (size == 0) co_return std::size_t{0};
    const auto got = ::pread(file_.get(), into.data(), size, static_cast<off_t>(given_ - memory_.size()));
    if (got <= 0) co_return storage("read");
    given_ += static_cast<base::Bytes>(got);
    co_return static_cast<std::size_t>(got);
}

}  // namespace shallop::contract
