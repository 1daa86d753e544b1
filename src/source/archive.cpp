// SPDX-License-Identifier: Apache-2.0
#include "source/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

constexpr std::size_t block = 64 * 1024;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

Reader make_reader() {
    Reader reader(archive_read_new(), archive_read_free);
    base::ensure(reader != nullptr, "there is memory for a reader of archives");
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_bzip2(reader.get());
    archive_read_support_filter_xz(reader.get());
    archive_read_support_filter_zstd(reader.get());
    archive_read_support_format_tar(reader.get());
    archive_read_support_format_zip(reader.get());
    return reader;
}

Error broken(archive* reader) {
    const char* why = archive_error_string(reader);
    return {Fault::invalid,
            std::string("the archive is broken, or none that can be read (tar, tar.gz, tar.xz, tar.zst, zip): ") +
                (why != nullptr ? why : "unknown")};
}

Error refused(archive_entry* entry, const char* what) {
    const char* name = archive_entry_pathname(entry);
    std::string shown = name != nullptr ? std::string(name).substr(0, 100) : std::string("an entry");
    for (auto& c : shown) {
        if (static_cast<unsigned char>(c) < ' ') c = '?';
    }
    return {Fault::invalid, "'" + shown + "' is " + what + ": an archive of code has files and directories only"};
}

Status copy_data(archive* reader, TreeWriter& into) {
    std::array<char, block> bytes;
    for (;;) {
        const auto got = archive_read_data(reader, bytes.data(), bytes.size());
        if (got < 0) return broken(reader);
        if (got == 0) return {};
        if (const auto written = into.write({bytes.data(), static_cast<std::size_t>(got)}); !written) return written;
    }
}

Status take(archive* reader, archive_entry* entry, TreeWriter& into) {
    if (archive_entry_is_encrypted(entry) != 0) return refused(entry, "encrypted");
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr)
        return refused(entry, "a link");
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) return Error(Fault::invalid, "an entry's name cannot be read: use UTF-8 names");
    switch (archive_entry_filetype(entry)) {
        case AE_IFDIR:
            return into.directory(name);
        case AE_IFREG:
        case 0: {  // a zip may not say
            const bool executable = (archive_entry_perm(entry) & 0111) != 0;
            if (const auto begun = into.begin(name, executable); !begun) return begun;
            return copy_data(reader, into);
        }
        default:
            return refused(entry, "no file");
    }
}

}  // namespace

Status unpack(const std::string& path, TreeWriter& into) {
    const auto reader = make_reader();
    if (archive_read_open_filename(reader.get(), path.c_str(), block) != ARCHIVE_OK) return broken(reader.get());
    for (;;) {
        archive_entry* entry = nullptr;
        const int read = archive_read_next_header(reader.get(), &entry);
        if (read == ARCHIVE_EOF) return {};
        if (read != ARCHIVE_OK && read != ARCHIVE_WARN) return broken(reader.get());
        if (const auto taken = take(reader.get(), entry, into); !taken) return taken;
    }
}

}  // namespace shallop::source
