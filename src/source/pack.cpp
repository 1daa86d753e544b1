// SPDX-License-Identifier: Apache-2.0
#include "source/pack.h"

#include <shallop/base/fd.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

namespace shallop::source {

using base::Error;
using base::Fault;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t block = 64 * 1024;

/// A tar in memory.
class Packing {
public:
    explicit Packing(Bytes most)
        : most_(most),
          archive_(::archive_write_new(), ::archive_write_free),
          entry_(::archive_entry_new(), ::archive_entry_free) {
        base::ensure(archive_ && entry_, "there is memory for a writer of archives");
        ::archive_write_set_format_gnutar(archive_.get());  // which takes names as the bytes that they are
        ::archive_write_set_bytes_in_last_block(archive_.get(), 1);
        ::archive_write_open2(archive_.get(), this, nullptr, &Packing::take, nullptr, nullptr);
    }

    Status add(const std::string& from, const std::string& path) {
        const base::Fd file(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        struct stat facts{};
        if (!file || ::fstat(file.get(), &facts) != 0) return failed(from);
        ::archive_entry_clear(entry_.get());
        ::archive_entry_set_pathname(entry_.get(), path.c_str());
        ::archive_entry_set_filetype(entry_.get(), AE_IFREG);
        ::archive_entry_set_perm(entry_.get(), facts.st_mode & 0777);
        ::archive_entry_set_size(entry_.get(), facts.st_size);
        if (::archive_write_header(archive_.get(), entry_.get()) != ARCHIVE_OK) return refused(path);
        for (auto left = facts.st_size; left > 0;) {
            const auto got =
                ::read(file.get(), bytes_.data(), std::min<std::size_t>(bytes_.size(), static_cast<std::size_t>(left)));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return failed(from);
            if (::archive_write_data(archive_.get(), bytes_.data(), static_cast<std::size_t>(got)) != got)
                return refused(path);
            left -= got;
        }
        return {};
    }

    Result<std::string> finish() {
        if (::archive_write_close(archive_.get()) != ARCHIVE_OK) return refused("the end");
        return std::move(text_);
    }

private:
    static la_ssize_t take(archive*, void* self, const void* bytes, std::size_t size) {
        auto& packing = *static_cast<Packing*>(self);
        packing.full_ = packing.full_ || packing.text_.size() + size > packing.most_;
        if (packing.full_) return -1;
        packing.text_.append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    }

    static Error failed(const std::string& path) {
        return {Fault::storage, "cannot read " + path + ": " + std::strerror(errno)};
    }
    Error refused(const std::string& path) const {
        if (full_) return {Fault::too_large, "the files are larger than " + base::format_bytes(most_) + " together"};
        const char* why = ::archive_error_string(archive_.get());
        return {Fault::storage, path + " cannot be packed: " + (why == nullptr ? "no reason given" : why)};
    }

    Bytes most_;
    std::string text_;
    bool full_ = false;
    std::vector<char> bytes_ = std::vector<char>(block);
    std::unique_ptr<archive, int (*)(archive*)> archive_;
    std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry_;
};

}  // namespace

Result<std::string> pack(const std::string& tree, Bytes most) {
    Packing packing(most);
    std::error_code error;
    std::vector<std::string> files;
    for (fs::recursive_directory_iterator at(tree, error); !error && at != fs::recursive_directory_iterator();
         at.increment(error)) {
        if (!at->is_directory(error)) files.push_back(at->path().string().substr(tree.size() + 1));
    }
    if (error) return Error(Fault::storage, "cannot read " + tree + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        if (const auto added = packing.add(tree + "/" + file, file); !added) return added.error();
    }
    return packing.finish();
}

}  // namespace shallop::source
