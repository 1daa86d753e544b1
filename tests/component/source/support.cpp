// SPDX-License-Identifier: Apache-2.0
#include "component/source/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace shallop::test {
namespace {

void must(int result, archive* writer) {
    if (result != ARCHIVE_OK) throw std::runtime_error(archive_error_string(writer));
}

/// What `write` writes by a writer that `prepare` has set up.
template <typename Prepare, typename Write>
std::string written(Prepare prepare, Write write) {
    std::string bytes(64 << 20, '\0');
    std::size_t used = 0;
    auto* writer = archive_write_new();
    prepare(writer);
    must(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used), writer);
    write(writer);
    must(archive_write_close(writer), writer);
    archive_write_free(writer);
    bytes.resize(used);
    return bytes;
}

void add(archive* writer, const ZipFile& file) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname_utf8(entry, file.name.c_str());
    archive_entry_set_filetype(entry, file.name.ends_with('/') ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, static_cast<mode_t>(file.mode));
    archive_entry_set_size(entry, static_cast<la_int64_t>(file.content.size()));
    must(archive_write_header(writer, entry), writer);
    archive_write_data(writer, file.content.data(), file.content.size());
    archive_entry_free(entry);
}

}  // namespace

Tar& Tar::file(const std::string& name, const std::string& content, unsigned mode) {
    return entry(name, '0', content, mode);
}

Tar& Tar::entry(const std::string& name, char type, const std::string& content, unsigned mode,
                const std::string& target, std::uint64_t said) {
    char header[512] = {};
    std::memcpy(header, name.data(), std::min<std::size_t>(name.size(), 100));
    std::snprintf(header + 100, 8, "%07o", mode);
    std::snprintf(header + 108, 8, "%07o", 0U);
    std::snprintf(header + 116, 8, "%07o", 0U);
    std::snprintf(header + 124, 12, "%011llo", static_cast<unsigned long long>(said == ~0ULL ? content.size() : said));
    std::snprintf(header + 136, 12, "%011o", 0U);
    header[156] = type;
    std::memcpy(header + 157, target.data(), std::min<std::size_t>(target.size(), 100));
    std::memcpy(header + 257, "ustar\00000", 8);
    std::memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header + 148, 8, "%06o", sum);
    bytes_.append(header, sizeof header).append(content);
    bytes_.append((512 - content.size() % 512) % 512, '\0');
    return *this;
}

Tar& Tar::long_name(const std::string& name, const std::string& content) {
    // "SIZE path=NAME\n", and SIZE counts itself.
    const auto rest = " path=" + name + "\n";
    auto size = rest.size() + 1;
    while (std::to_string(size).size() + rest.size() != size) ++size;
    entry("header", 'x', std::to_string(size) + rest, 0644);
    return file("short", content);
}

std::string zip(const std::vector<ZipFile>& files, const std::string& password) {
    const auto prepare = [&](archive* writer) {
        must(archive_write_set_format_zip(writer), writer);
        if (password.empty()) return;
        must(archive_write_set_options(writer, "zip:encryption=traditional"), writer);
        must(archive_write_set_passphrase(writer, password.c_str()), writer);
    };
    return written(prepare, [&](archive* writer) {
        for (const auto& file : files) add(writer, file);
    });
}

std::string compress(const std::string& bytes, const std::string& filter) {
    const auto prepare = [&](archive* writer) {
        must(archive_write_set_format_raw(writer), writer);
        must(archive_write_add_filter_by_name(writer, filter.c_str()), writer);
    };
    return written(prepare, [&](archive* writer) { add(writer, {"raw", bytes}); });
}

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void write_file(const std::string& path, const std::string& bytes) {
    std::ofstream file(path, std::ios::binary);
    file << bytes;
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

base::Result<source::Tree> Opened::put_archive(const std::string& bytes) {
    const auto upload = store_->new_upload();
    write_file(upload, bytes);
    auto tree = run(store_->put_archive(upload));
    std::filesystem::remove(upload);
    return tree;
}

base::Result<source::Tree> Opened::put_file(const std::string& bytes, const std::string& name) {
    const auto upload = store_->new_upload();
    write_file(upload, bytes);
    auto tree = run(store_->put_file(upload, name));
    std::filesystem::remove(upload);
    return tree;
}

std::vector<std::string> Opened::in(const std::string& part) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/" + part))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

void Opened::age(const std::string& id) {
    timespec times[2]{};
    ::clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= 7200;
    times[1] = times[0];
    ::utimensat(AT_FDCWD, tree(id).c_str(), times, 0);
}

}  // namespace shallop::test
