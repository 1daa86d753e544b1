// SPDX-License-Identifier: Apache-2.0
#include "source/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>  // NOLINT(modernize-deprecated-headers): newlocale() is POSIX's
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "source/path.h"

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

constexpr std::size_t block = 64 * 1024;
constexpr Bytes header_of_an_entry = 4096;  // of a tar: more than names within the limits need

using Reader = std::unique_ptr<archive, int (*)(archive*)>;

/// libarchive turns names into the thread's character set, and a server's is plain ASCII.
class NamesInUtf8 {
public:
    NamesInUtf8() : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
        if (utf8_ != nullptr) before_ = ::uselocale(utf8_);
    }
    NamesInUtf8(const NamesInUtf8&) = delete;
    NamesInUtf8& operator=(const NamesInUtf8&) = delete;
    ~NamesInUtf8() {
        if (utf8_ == nullptr) return;
        ::uselocale(before_);
        ::freelocale(utf8_);
    }

private:
    locale_t utf8_;
    locale_t before_ = nullptr;
};

/// Debian's libarchive has these four filters itself; for others it would start programs.
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
    constexpr const char* what_is_read = "a tar, tar.gz, tar.bz2, tar.xz, tar.zst or zip";
    if (archive_format(reader) == 0)
        return {Fault::invalid, std::string("this is no archive that can be read: send ") + what_is_read +
                                    ", or a single file with its name (filename=hello.py)"};
    const char* why = archive_error_string(reader);
    return {Fault::invalid, "the archive is broken (" + (why == nullptr ? "no reason given" : shown(why)) +
                                "): make it again, or send it again"};
}

Error refused(std::string_view name, const std::string& why) { return {Fault::invalid, shown(name) + " " + why}; }

/// Entries of a zip's directory that a file may hold. libarchive reads all of that directory before it tells of the first one.
base::Result<std::size_t> count_zip_entries(const std::string& path) {
    constexpr std::string_view signature("PK\1\2");
    const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return Error(Fault::storage, "cannot read " + path + ": " + std::strerror(errno));
    std::vector<char> bytes(16 * block);
    std::size_t kept = 0;
    for (std::size_t found = 0;;) {
        const auto got = ::read(file.get(), bytes.data() + kept, bytes.size() - kept);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Error(Fault::storage, "cannot read " + path + ": " + std::strerror(errno));
        if (got == 0) return found;
        const std::string_view piece(bytes.data(), kept + static_cast<std::size_t>(got));
        for (auto at = piece.find(signature); at != piece.npos; at = piece.find(signature, at + 1)) ++found;
        kept = std::min(piece.size(), signature.size() - 1);
        std::memmove(bytes.data(), piece.data() + piece.size() - kept, kept);
    }
}

class Unpacking {
public:
    Unpacking(const Limits& limits, TreeWriter& into) : limits_(limits), into_(into), reader_(make_reader()) {}

    Status run(const std::string& path) {
        // Zips in it that are stored as they are have entries too, which are none of its own.
        const auto entries = count_zip_entries(path);
        if (!entries) return entries.error();
        if (*entries > 5 * limits_.entries) return too_many();
        if (archive_read_open_filename(reader_.get(), path.c_str(), block) != ARCHIVE_OK) return broken(reader_.get());
        // One more than entries: the directory itself may be one.
        for (std::size_t headers = 0; headers <= limits_.entries; ++headers) {
            archive_entry* entry = nullptr;
            const int read = archive_read_next_header(reader_.get(), &entry);
            if (read == ARCHIVE_EOF) return {};
            if (read != ARCHIVE_OK && read != ARCHIVE_WARN) return broken(reader_.get());
            if (const auto few = check_read(); !few) return few;
            if (const auto taken = take(entry); !taken) return taken;
        }
        return too_many();
    }

private:
    Error too_many() const {
        return {Fault::too_large,
                "the archive has more than " + std::to_string(limits_.entries) + " files and directories"};
    }

    /// What is not in a file (names, attributes, padding) is unpacked too.
    Status check_read() {
        const auto read = archive_filter_bytes(reader_.get(), 0);
        const auto most = limits_.unpacked + (limits_.entries + 1) * header_of_an_entry;
        if (read < 0 || static_cast<Bytes>(read) <= most) return {};
        return Error(Fault::too_large, "the archive unpacks to more than " + base::format_bytes(limits_.unpacked));
    }

    Status take(archive_entry* entry) {
        const char* read = archive_entry_pathname(entry);
        if (read == nullptr) return Error(Fault::invalid, "an entry's name cannot be read: give it one in UTF-8");
        const std::string_view name(read);
        if (name.starts_with("__MACOSX/")) return {};
        if (archive_entry_is_encrypted(entry) != 0)
            return refused(name, "is encrypted: make the archive without a password");
        if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr)
            return refused(name, "is a link: put the file itself in its place (tar --dereference --hard-dereference)");
        switch (archive_entry_filetype(entry)) {
            case AE_IFDIR:
                if (archive_entry_size(entry) > 0) return refused(name, "is a directory that has content like a file");
                return into_.directory(name);
            case AE_IFREG:
            case 0:  // a zip may not say
                return take_file(entry, name);
            default:
                return refused(name, "is no file: code has files and directories only, no devices, pipes or sockets");
        }
    }

    Status take_file(archive_entry* entry, std::string_view name) {
        const bool executable = (archive_entry_perm(entry) & 0111) != 0;
        const auto size = archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : 0;
        if (size < 0) return refused(name, "says that it has less than no bytes");
        if (const auto begun = into_.begin(name, executable, static_cast<Bytes>(size)); !begun) return begun;
        for (;;) {
            const auto got = archive_read_data(reader_.get(), bytes_.data(), bytes_.size());
            if (got < 0) return broken(reader_.get());
            if (got == 0) return {};
            const std::string_view piece(bytes_.data(), static_cast<std::size_t>(got));
            if (const auto written = into_.write(piece); !written) return written;
        }
    }

    const Limits& limits_;
    TreeWriter& into_;
    Reader reader_;
    std::array<char, block> bytes_;
};

}  // namespace

Status unpack(const std::string& path, const Limits& limits, TreeWriter& into) {
    const NamesInUtf8 names;
    const auto unpacking = std::make_unique<Unpacking>(limits, into);
    return unpacking->run(path);
}

}  // namespace shallop::source
