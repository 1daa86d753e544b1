// SPDX-License-Identifier: Apache-2.0
#include "source/tree_writer.h"

#include <fcntl.h>
#include <shallop/base/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "source/path.h"

namespace shallop::source {

using base::Error;
using base::Fault;

namespace {

constexpr Bytes free_of_ratio = 1 << 20;
/// Each costs a flush of the disk, some milliseconds. A tree of more is flushed with its whole file system, which may have much else to write.
constexpr std::size_t flushed_one_by_one = 16;

Error refused(std::string_view path, const std::string& why) { return {Fault::invalid, shown(path) + " " + why}; }

bool begins_as_a_program(std::string_view start) { return start.starts_with("#!") || start == "\177ELF"; }

}  // namespace

TreeWriter::TreeWriter(std::string root, const Limits& limits, Bytes sent)
    : root_(std::move(root)), limits_(limits), sent_(sent) {
    // Where this fails, so does the first thing made below it.
    if (::mkdir(root_.c_str(), 0755) == 0) [[maybe_unused]]
        const int done = ::chmod(root_.c_str(), 0755);
}

TreeWriter::~TreeWriter() = default;

Error TreeWriter::failed(const std::string& what, const std::string& path) const {
    return base::file_error(what, shown(path));
}

Status TreeWriter::count_entry(const std::string& path) {
    if (++entries_ <= limits_.entries) return {};
    return Error(Fault::too_large, "there are more than " + std::to_string(limits_.entries) +
                                       " files and directories (" + shown(path) + " is one too many)");
}

/// Each directory of `path` that is not there yet.
Status TreeWriter::make_directories(const std::string& path) {
    for (std::size_t end = 0; end != path.npos;) {
        end = path.find('/', end + 1);
        const auto part = path.substr(0, end);
        if (const auto there = kept_.find(part); there != kept_.end()) {
            if (there->second.directory) continue;
            return refused(part, "is there as a file and as a directory");
        }
        if (const auto counted = count_entry(part); !counted) return counted;
        const auto full = root_ + "/" + part;
        if (::mkdir(full.c_str(), 0755) != 0 || ::chmod(full.c_str(), 0755) != 0)
            return failed("make the directory", part);
        kept_[part].directory = true;
    }
    return {};
}

Status TreeWriter::directory(std::string_view path) {
    if (const auto ended = end(); !ended) return ended;
    const auto normal = normal_path(path, limits_);
    if (!normal) return normal.error();
    return normal->empty() ? Status() : make_directories(*normal);
}

Status TreeWriter::begin(std::string_view path, bool executable, Bytes size) {
    if (const auto ended = end(); !ended) return ended;
    auto normal = normal_path(path, limits_);
    if (!normal) return normal.error();
    if (normal->empty() || path.back() == '/') return refused(path, "is no name of a file");
    if (const auto there = kept_.find(*normal); there != kept_.end())
        return refused(*normal, there->second.directory ? "is there as a file and as a directory" : "is there twice");
    if (const auto slash = normal->rfind('/'); slash != normal->npos) {
        if (const auto made = make_directories(normal->substr(0, slash)); !made) return made;
    }
    if (const auto counted = count_entry(*normal); !counted) return counted;
    current_ = std::move(*normal);
    start_.clear();
    if (size > limits_.unpacked) return check_size(size);
    if (const auto fits = check_size(written_ + size); !fits) return fits;
    const auto full = root_ + "/" + current_;
    file_.reset(::open(full.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file_) return failed("write", current_);
    kept_[current_].executable = executable;
    return {};
}

Status TreeWriter::check_size(Bytes written) const {
    if (written > limits_.unpacked)
        return Error(Fault::too_large, "the files are larger than " + base::format_bytes(limits_.unpacked) +
                                           " together (at " + shown(current_) + ")");
    if (sent_ > 0 && written > free_of_ratio && written / limits_.ratio > sent_)
        return Error(Fault::too_large, "the archive unpacks to more than " + std::to_string(limits_.ratio) +
                                           " times its size (at " + shown(current_) + ")");
    return {};
}

Status TreeWriter::write(std::string_view bytes) {
    base::ensure(static_cast<bool>(file_), "a file is begun before it is written");
    if (const auto fits = check_size(written_ + bytes.size()); !fits) return fits;
    written_ += bytes.size();
    if (start_.size() < 4) start_ += bytes.substr(0, 4 - start_.size());
    digest_.add(bytes);
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
    auto& kept = kept_[current_];
    kept.digest = digest_.take_hex();
    kept.executable = kept.executable || begins_as_a_program(start_);
    const mode_t mode = kept.executable ? 0755 : 0644;
    if (::fchmod(file_.get(), mode) != 0 || ::close(file_.release()) != 0) return failed("write", current_);
    return {};
}

Result<std::string> TreeWriter::unwrap() {
    if (const auto ended = end(); !ended) return ended.error();
    if (kept_.empty() || !kept_.begin()->second.directory) return "";
    auto top = kept_.begin()->first;  // a directory sorts before what is in it
    const auto below = top + "/";
    std::map<std::string, Kept> inner;
    for (const auto& [path, kept] : kept_) {
        if (path == top) continue;
        if (!path.starts_with(below)) return "";
        inner.emplace(path.substr(below.size()), kept);
    }
    kept_ = std::move(inner);
    root_ += "/" + top;
    return top;
}

Status TreeWriter::flush(const std::string& path) const {
    const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return failed("flush", path);
    return {};
}

/// A hint: where all is on its way to the disk, the first fsync is the only one that waits for it.
void TreeWriter::start_flushing() const {
    for (const auto& [path, kept] : kept_) {
        if (kept.directory) continue;
        const base::Fd fd(::open((root_ + "/" + path).c_str(), O_RDONLY | O_CLOEXEC));
        if (fd) ::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    }
}

Status TreeWriter::flush() const {
    if (kept_.size() > flushed_one_by_one) {
        const base::Fd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!root || ::syncfs(root.get()) != 0) return failed("flush", root_);
        return {};
    }
    start_flushing();
    for (const auto& [path, kept] : kept_) {
        if (const auto flushed = flush(root_ + "/" + path); !flushed) return flushed;
    }
    return flush(root_);
}

Result<Tree> TreeWriter::finish() {
    if (const auto ended = end(); !ended) return ended.error();
    Tree tree;
    tree.bytes = written_;
    for (const auto& [path, kept] : kept_) {
        const auto kind = kept.directory ? 'd' : kept.executable ? 'x' : '-';
        digest_.add(path + '\0' + kind + kept.digest + '\n');
        if (!kept.directory) tree.files.push_back(path);
    }
    tree.id = "sha256:" + digest_.take_hex();
    if (tree.files.empty()) return Error(Fault::invalid, "there is no file in it");
    return tree;
}

}  // namespace shallop::source
