// SPDX-License-Identifier: Apache-2.0
#include "source/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

constexpr Bytes free_of_ratio = 1 << 20;

/// For a message: at most 100 bytes, and nothing that a terminal would obey.
std::string shown(std::string_view path) {
    std::string text = "'";
    for (const char c : path.substr(0, 100)) text += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
    return text + (path.size() > 100 ? "…'" : "'");
}

Error refused(std::string_view path, const std::string& why) { return {Fault::invalid, shown(path) + " " + why}; }

std::string hex(const unsigned char* bytes, std::size_t size) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t at = 0; at < size; ++at) {
        text += digits[bytes[at] >> 4];
        text += digits[bytes[at] & 15];
    }
    return text;
}

std::string digest_of(EVP_MD_CTX* context) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    base::ensure(EVP_DigestFinal_ex(context, digest.data(), &size) == 1, "SHA-256 is there");
    return hex(digest.data(), size);
}

void start_digest(EVP_MD_CTX* context) {
    base::ensure(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "SHA-256 is there");
}

void add_to_digest(EVP_MD_CTX* context, std::string_view bytes) {
    base::ensure(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1, "SHA-256 is there");
}

}  // namespace

Result<std::string> normal_path(std::string_view path, const Limits& limits) {
    if (path.empty()) return Error(Fault::invalid, "an entry has no name");
    if (path.size() > limits.path)
        return Error(Fault::too_large, shown(path) + " is longer than " + std::to_string(limits.path) + " bytes");
    if (path.front() == '/') return refused(path, "is an absolute path: give paths relative to the code's directory");
    std::string normal;
    std::size_t depth = 0;
    for (std::size_t from = 0; from <= path.size();) {
        const auto end = std::min(path.find('/', from), path.size());
        const auto part = path.substr(from, end - from);
        from = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == "..") return refused(path, "leads out of the code's directory: take \"..\" out");
        const bool odd = std::any_of(part.begin(), part.end(), [](char c) {
            return static_cast<unsigned char>(c) < ' ' || c == 0x7f || c == '\\';
        });
        if (odd) return refused(path, "has a control character or a backslash in its name");
        if (part.size() > 255) return Error(Fault::too_large, shown(path) + " has a name longer than 255 bytes");
        if (++depth > limits.depth)
            return Error(Fault::too_large,
                         shown(path) + " is more than " + std::to_string(limits.depth) + " directories deep");
        normal.append(normal.empty() ? "" : "/").append(part);
    }
    return normal;
}

TreeWriter::TreeWriter(std::string root, const Limits& limits, Bytes sent)
    : root_(std::move(root)), limits_(limits), sent_(sent), digest_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    base::ensure(digest_ != nullptr, "there is memory for a digest");
    ::mkdir(root_.c_str(), 0755);
}

TreeWriter::~TreeWriter() = default;

Error TreeWriter::failed(const std::string& what, const std::string& path) const {
    return {Fault::storage, "cannot " + what + " " + shown(path) + ": " + std::strerror(errno)};
}

Status TreeWriter::count_entry(const std::string& path) {
    if (++entries_ <= limits_.entries) return {};
    return Error(Fault::too_large, "there are more than " + std::to_string(limits_.entries) +
                                       " files and directories (" + shown(path) + " is one too many)");
}

/// Each directory of `path`, which are not there yet.
Status TreeWriter::make_directories(const std::string& path) {
    for (std::size_t end = 0; end != path.npos;) {
        end = path.find('/', end + 1);
        auto part = path.substr(0, end);
        if (directories_.contains(part)) continue;
        if (const auto counted = count_entry(part); !counted) return counted;
        const auto full = root_ + "/" + part;
        if (::mkdir(full.c_str(), 0755) != 0) {
            if (errno == EEXIST) return refused(part, "is there as a file and as a directory");
            return failed("make the directory", part);
        }
        if (::chmod(full.c_str(), 0755) != 0) return failed("make the directory", part);
        directories_.insert(std::move(part));
    }
    return {};
}

Status TreeWriter::directory(std::string_view path) {
    if (const auto ended = end(); !ended) return ended;
    const auto normal = normal_path(path, limits_);
    if (!normal) return normal.error();
    return normal->empty() ? Status() : make_directories(*normal);
}

Status TreeWriter::begin(std::string_view path, bool executable) {
    if (const auto ended = end(); !ended) return ended;
    auto normal = normal_path(path, limits_);
    if (!normal) return normal.error();
    if (normal->empty()) return refused(path, "is no name of a file");
    if (files_.contains(*normal)) return refused(*normal, "is there twice");
    if (const auto slash = normal->rfind('/'); slash != normal->npos) {
        if (const auto made = make_directories(normal->substr(0, slash)); !made) return made;
    }
    if (const auto counted = count_entry(*normal); !counted) return counted;
    const auto full = root_ + "/" + *normal;
    const mode_t mode = executable ? 0755 : 0644;
    file_.reset(::open(full.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file_ && (errno == EEXIST || errno == EISDIR))
        return refused(*normal, "is there as a file and as a directory");
    if (!file_ || ::fchmod(file_.get(), mode) != 0) return failed("write", *normal);
    start_digest(digest_.get());
    files_[*normal].executable = executable;
    current_ = std::move(*normal);
    return {};
}

Status TreeWriter::write(std::string_view bytes) {
    base::ensure(static_cast<bool>(file_), "a file is begun before it is written");
    written_ += bytes.size();
    if (written_ > limits_.unpacked)
        return Error(Fault::too_large, "the files are larger than " + base::format_bytes(limits_.unpacked) +
                                           " together (at " + shown(current_) + ")");
    if (sent_ > 0 && written_ > free_of_ratio && written_ / limits_.ratio > sent_)
        return Error(Fault::too_large, "the archive unpacks to more than " + std::to_string(limits_.ratio) +
                                           " times its size (at " + shown(current_) + ")");
    add_to_digest(digest_.get(), bytes);
    while (!bytes.empty()) {
        const auto wrote = ::write(file_.get(), bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return failed("write", current_);
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
}

Status TreeWriter::end() {
    if (!file_) return {};
    files_[current_].digest = digest_of(digest_.get());
    if (::close(file_.release()) != 0) return failed("write", current_);
    return {};
}

void TreeWriter::unwrap() {
    if (files_.empty()) return;
    const auto& first = files_.begin()->first;
    const auto slash = first.find('/');
    if (slash == first.npos) return;
    const auto top = first.substr(0, slash + 1);
    const bool all =
        std::all_of(files_.begin(), files_.end(), [&](const auto& file) { return file.first.starts_with(top); });
    if (!all) return;
    std::map<std::string, Kept> inner;
    for (auto& [path, kept] : files_) inner.emplace(path.substr(top.size()), std::move(kept));
    files_ = std::move(inner);
    root_ += "/" + top.substr(0, slash);
}

Result<Tree> TreeWriter::finish() {
    if (const auto ended = end(); !ended) return ended.error();
    if (files_.empty()) return Error(Fault::invalid, "there is no file in it");
    const base::Fd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root || ::syncfs(root.get()) != 0) return failed("flush", root_);
    Tree tree;
    start_digest(digest_.get());
    for (const auto& [path, kept] : files_) {
        add_to_digest(digest_.get(), path + '\0' + (kept.executable ? 'x' : '-') + kept.digest + '\n');
        tree.files.push_back(path);
    }
    tree.id = "sha256:" + digest_of(digest_.get());
    return tree;
}

Result<std::vector<std::string>> list_files(const std::string& root) {
    std::vector<std::string> files;
    std::error_code error;
    std::filesystem::recursive_directory_iterator at(root, error);
    for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
        if (at->is_regular_file(error)) files.push_back(at->path().string().substr(root.size() + 1));
    }
    if (error) return Error(Fault::storage, "cannot read " + root + ": " + error.message());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace shallop::source
