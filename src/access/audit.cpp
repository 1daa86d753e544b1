// SPDX-License-Identifier: Apache-2.0
#include <shallop/access/audit.h>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace shallop::access {
namespace {

constexpr base::Bytes longest_line = 4096;

base::Bytes size_of(int file) {
    struct stat about{};
    return ::fstat(file, &about) == 0 ? static_cast<base::Bytes>(about.st_size) : 0;
}

/// The end of a file, at most `most` bytes of it.
std::string read_end(int file, base::Bytes most) {
    const auto size = size_of(file);
    std::string text(std::min(size, most), '\0');
    std::size_t got = 0;
    while (got < text.size()) {
        const auto read =
            ::pread(file, text.data() + got, text.size() - got, static_cast<off_t>(size - text.size() + got));
        if (read <= 0) break;
        got += static_cast<std::size_t>(read);
    }
    text.resize(got);
    return text;
}

/// Puts the last lines of `text` before those there are, up to `count` in all. What a crash has cut off is none.
void take_lines(const std::string& text, std::size_t count, std::vector<std::string>& lines_backwards) {
    auto end = text.size();
    while (end > 0 && lines_backwards.size() < count) {
        const auto before = end == 1 ? text.npos : text.rfind('\n', end - 2);
        const auto from = before == text.npos ? 0 : before + 1;
        auto line = text.substr(from, end - from);
        if (line.ends_with('\n') && nlohmann::json::accept(line)) lines_backwards.push_back(std::move(line));
        end = from;
    }
}

}  // namespace

void Audit::note(const AuditEntry& entry) {
    if (entry.event == "refused" && !refusal_allowed()) {
        ++missing_;
        return;
    }
    const auto line = format_audit_line(entry, clock_.wall(), missing_) + "\n";
    if (size_ + line.size() > limits_.file) rotate();
    if (!append(line)) {
        ++missing_;
        if (!failing_)
            log_.error("the audit log cannot be written", {{"path", path_}, {"reason", std::strerror(errno)}});
        failing_ = true;
        return;
    }
    if (failing_) log_.info("the audit log is written again", {{"path", path_}, {"missing", missing_}});
    failing_ = false;
    missing_ = 0;
}

bool Audit::refusal_allowed() {
    const auto now = clock_.now();
    const auto next = std::max(refusals_until_, now) + limits_.refusal;
    if (next - now > limits_.refusal * limits_.refusals) return false;
    refusals_until_ = next;
    return true;
}

bool Audit::open() {
    if (file_) return true;
    file_.reset(::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file_) return false;
    ::fchmod(file_.get(), 0600);
    size_ = size_of(file_.get());
    char last = '\n';
    if (size_ > 0 && ::pread(file_.get(), &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n') {
        if (::write(file_.get(), "\n", 1) == 1) ++size_;  // a crash has cut the line before
    }
    return true;
}

/// Where a file cannot be renamed, the one there is goes on.
void Audit::rotate() {
    if (!open() || size_ == 0) return;
    for (int number = limits_.files - 1; number > 0; --number) {
        const auto from = numbered(number - 1);
        if (::rename(from.c_str(), numbered(number).c_str()) != 0 && errno != ENOENT) return;
    }
    if (limits_.files == 1) ::unlink(path_.c_str());
    file_.reset();
}

/// A line or nothing.
bool Audit::append(const std::string& line) {
    if (!open()) return false;
    const auto wrote = ::write(file_.get(), line.data(), line.size());
    if (wrote == static_cast<ssize_t>(line.size())) {
        size_ += line.size();
        return true;
    }
    if (wrote > 0) {
        if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) size_ += static_cast<base::Bytes>(wrote);
        errno = ENOSPC;
    }
    return false;
}

std::string Audit::numbered(int number) const { return number == 0 ? path_ : path_ + "." + std::to_string(number); }

async::Task<std::string> Audit::tail(std::size_t count) {
    const auto wanted = std::min(count, longest_tail);
    // Opened here, where nobody renames them meanwhile; read elsewhere.
    std::vector<base::Fd> files;
    for (int number = 0; number < limits_.files; ++number) {
        base::Fd file(::open(numbered(number).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (file) files.push_back(std::move(file));
    }
    auto work = [files = std::make_shared<std::vector<base::Fd>>(std::move(files)), wanted] {
        std::vector<std::string> lines;
        for (const auto& file : *files) {
            if (lines.size() < wanted) take_lines(read_end(file.get(), wanted * longest_line), wanted, lines);
        }
        std::string text;
        for (auto line = lines.rbegin(); line != lines.rend(); ++line) text += *line;
        return text;
    };
    co_return co_await pool_.run(std::move(work));
}

}  // namespace shallop::access
