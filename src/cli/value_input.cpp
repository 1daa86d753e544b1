// SPDX-License-Identifier: Apache-2.0
#include "cli/value_input.h"

#include <shallop/base/fd.h>
#include <shallop/function/secret.h>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shallop::cli {
namespace {

using base::SecretBytes;

/// A terminal that does not show what is typed, until this ends.
class Unseen {
public:
    explicit Unseen(int terminal) : terminal_(terminal), changed_(::tcgetattr(terminal, &before_) == 0) {
        if (!changed_) return;
        auto now = before_;
        now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        now.c_lflag |= ECHONL;
        ::tcsetattr(terminal_, TCSAFLUSH, &now);
    }
    Unseen(const Unseen&) = delete;
    Unseen& operator=(const Unseen&) = delete;
    ~Unseen() {
        if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }

private:
    int terminal_;
    termios before_{};
    bool changed_;
};

Complaint not_read(const std::string& what) {
    return {"cannot read " + what + ": " + std::strerror(errno), "give a file that you can read with --from-file"};
}

Result<SecretBytes> read_all(int fd, const std::string& what) {
    SecretBytes room(function::largest_secret + 1);
    std::size_t size = 0;
    while (size < room.size()) {
        const auto got = ::read(fd, room.bytes().data() + size, room.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return not_read(what);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size == room.size())
        return Complaint{what + " has more than 64 KiB", "a secret has at most 64 KiB: keep large data in a volume"};
    if (size == 0) return Complaint{what + " is empty", "a secret has one byte at least"};
    return SecretBytes::copy_of(room.view().substr(0, size));
}

/// One line: the terminal gives no more at a time.
Result<SecretBytes> ask(int terminal) {
    std::fputs("Value (not shown): ", stderr);
    const Unseen unseen(terminal);
    SecretBytes room(4096);
    const auto got = ::read(terminal, room.bytes().data(), room.size());
    if (got < 0) return not_read("the terminal");
    auto line = room.view().substr(0, static_cast<std::size_t>(got));
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.empty()) return Complaint{"no value was given", "type one, or name its file with --from-file"};
    return SecretBytes::copy_of(line);
}

}  // namespace

Result<SecretBytes> read_value(const std::string& file) {
    if (file.empty() && ::isatty(STDIN_FILENO) == 1) return ask(STDIN_FILENO);
    if (file.empty()) return read_all(STDIN_FILENO, "standard input");
    const base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return not_read(file);
    return read_all(fd.get(), file);
}

}  // namespace shallop::cli
