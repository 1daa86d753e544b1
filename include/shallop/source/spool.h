// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>
#include <shallop/base/result.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <string>

namespace shallop::source {

/// A new file at CodeStore::new_upload(), written piece by piece; it ends with the Spool.
class Spool {
public:
    explicit Spool(std::string path)
        : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    ~Spool() { ::unlink(path_.c_str()); }

    /// Faults: storage.
    base::Status write(std::span<const char> bytes) {
        while (file_ && !bytes.empty()) {
            const auto wrote = ::write(file_.get(), bytes.data(), bytes.size());
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) break;
            bytes = bytes.subspan(static_cast<std::size_t>(wrote));
        }
        if (file_ && bytes.empty()) return {};
        return base::Error(base::Fault::storage, std::string("the upload cannot be written: ") + std::strerror(errno));
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
    base::Fd file_;
};

}  // namespace shallop::source
