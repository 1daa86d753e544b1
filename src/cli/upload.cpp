// SPDX-License-Identifier: Apache-2.0
#include "cli/upload.h"

#include <archive.h>
#include <archive_entry.h>

#include <shallop/base/units.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace shallop::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t largest_inline = 160 << 10;  ///< a resource has 256Ki in all
constexpr std::size_t most_inline = 256;

constexpr const char* wrapper = "code/";

struct FreeArchive {
    void operator()(archive* one) const { ::archive_write_free(one); }
};
struct FreeEntry {
    void operator()(archive_entry* one) const { ::archive_entry_free(one); }
};

/// Writes a tar into an open file. libarchive keeps the first error; its words are asked for where something failed.
class TarWriter {
public:
    TarWriter(std::FILE* into, bool compressed) : archive_(::archive_write_new()), entry_(::archive_entry_new()) {
        ::archive_write_set_format_gnutar(archive_.get());  // which takes names as the bytes that they are
        if (compressed) {
            ::archive_write_add_filter_gzip(archive_.get());
            ::archive_write_set_filter_option(archive_.get(), "gzip", "timestamp", nullptr);
        }
        ::archive_write_set_bytes_per_block(archive_.get(), 256 << 10);
        ::archive_write_set_bytes_in_last_block(archive_.get(), 1);
        fine_ = ::archive_write_open_FILE(archive_.get(), into) == ARCHIVE_OK;
    }

    /// Nothing of an entry but its path, its content and whether it is a program depends on this machine or on now.
    Done add(const CodeFile& file, const std::string& path) {
        const File content(std::fopen(file.place.c_str(), "rb"));
        if (!content) return Complaint{"cannot read " + file.place + ": " + std::strerror(errno), readable};
        ::archive_entry_clear(entry_.get());
        ::archive_entry_set_pathname(entry_.get(), path.c_str());
        ::archive_entry_set_filetype(entry_.get(), AE_IFREG);
        ::archive_entry_set_perm(entry_.get(), file.executable ? 0755 : 0644);
        ::archive_entry_set_mtime(entry_.get(), 0, 0);
        ::archive_entry_set_size(entry_.get(), static_cast<la_int64_t>(file.size));
        fine_ = fine_ && ::archive_write_header(archive_.get(), entry_.get()) == ARCHIVE_OK;
        if (!fine_) return failure(file.place);
        return copy(file, content.get());
    }

    Done finish() {
        fine_ = fine_ && ::archive_write_close(archive_.get()) == ARCHIVE_OK;
        if (!fine_) return failure("the code");
        return {};
    }

private:
    static constexpr const char* readable = "check that you may read it, or leave it out with a .shallopignore";

    Done copy(const CodeFile& file, std::FILE* content) {
        std::array<char, 64 << 10> piece{};
        auto left = file.size;
        while (left > 0) {
            const auto size = std::fread(piece.data(), 1, std::min<std::uint64_t>(left, piece.size()), content);
            if (size == 0) return Complaint{file.place + " changed while it was read, or cannot be read", "try again"};
            fine_ = ::archive_write_data(archive_.get(), piece.data(), size) == static_cast<la_ssize_t>(size);
            if (!fine_) return failure(file.place);
            left -= size;
        }
        return {};
    }

    Complaint failure(const std::string& place) {
        const auto* const words = ::archive_error_string(archive_.get());
        return {place + " cannot be packed: " + (words == nullptr ? "libarchive does not say why" : words),
                "is there room in the folder for temporary files?"};
    }

    std::unique_ptr<archive, FreeArchive> archive_;
    std::unique_ptr<archive_entry, FreeEntry> entry_;
    bool fine_ = false;
};

/// Where all files are in one folder the daemon takes that folder for the code, as it should with most archives, but not with ours.
bool in_one_folder(const Code& code) {
    const auto& first = code.files.front().path;
    const auto top = first.substr(0, first.find('/') + 1);
    return !top.empty() && std::all_of(code.files.begin(), code.files.end(),
                                       [&](const CodeFile& file) { return file.path.starts_with(top); });
}

Result<File> pack(const Code& code, bool compressed) {
    File file(std::tmpfile());
    if (!file)
        return Complaint{std::string("there is no temporary file: ") + std::strerror(errno), "make room in /tmp"};
    TarWriter tar(file.get(), compressed);
    const std::string prefix = in_one_folder(code) ? wrapper : "";
    for (const auto& one : code.files) {
        if (const auto added = tar.add(one, prefix + one.path); !added) return added.error();
    }
    if (const auto done = tar.finish(); !done) return done.error();
    return file;
}

/// Nearly: a tar has its files in blocks, with a block about each, and three more where the path is long.
std::uint64_t size_as_tar(const Code& code) {
    constexpr std::uint64_t block = 512;
    constexpr std::size_t short_path = 90;
    std::uint64_t size = 2 * block;
    for (const auto& file : code.files) {
        size += block + (file.size + block - 1) / block * block + (file.path.size() > short_path ? 3 * block : 0);
    }
    return size;
}

Result<Upload> pack_upload(const Code& code, const CodeLimits& limits) {
    const bool compressed = size_as_tar(code) > limits.upload;
    auto file = pack(code, compressed);
    if (!file) return file.error();
    std::fflush(file->get());
    const auto size = std::ftell(file->get());
    if (size < 0 || static_cast<std::uint64_t>(size) > limits.upload) {
        return Complaint{
            code.place + " is larger than " + base::format_bytes(limits.upload) + ", also when it is packed",
            "name what is no part of the code in " + code.place + "/.shallopignore"};
    }
    std::rewind(file->get());
    return Upload{std::move(*file), compressed ? "application/gzip" : "application/x-tar", ""};
}

}  // namespace

Result<std::optional<Json>> inline_files(const Code& code) {
    const auto not_so = std::optional<Json>();
    if (code.form == Code::Form::archive || code.bytes > largest_inline || code.files.size() > most_inline)
        return not_so;
    Json files = Json::object();
    for (const auto& file : code.files) {
        auto content = read_whole(file);
        if (!content) return content.error();
        // Scripts the daemon knows by their beginning.
        if (file.executable && code.form == Code::Form::folder && !content->starts_with("#!")) return not_so;
        if (content->find('\0') != std::string::npos) return not_so;
        files[file.path] = std::move(*content);
    }
    try {
        if (files.dump().size() > largest_inline) return not_so;
    } catch (const Json::type_error&) {  // no UTF-8
        return not_so;
    }
    return std::optional<Json>(std::move(files));
}

Result<Upload> open_upload(const Code& code, const CodeLimits& limits) {
    if (code.form == Code::Form::folder) return pack_upload(code, limits);
    const auto& only = code.files.front();
    File file(std::fopen(only.place.c_str(), "rb"));
    if (!file)
        return Complaint{"cannot read " + only.place + ": " + std::strerror(errno), "check that you may read it"};
    if (code.form == Code::Form::archive) return Upload{std::move(file), folder::archive_type(only.path), ""};
    return Upload{std::move(file), "application/octet-stream", only.path};
}

}  // namespace shallop::cli
