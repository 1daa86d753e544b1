// SPDX-License-Identifier: Apache-2.0
#include "support/http_relay.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

namespace shallop::test {
namespace {

std::string lower(std::string_view text) {
    std::string low(text);
    std::transform(low.begin(), low.end(), low.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return low;
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    return address;
}

}  // namespace

std::string field(const std::string& head, std::string_view name) {
    const std::string low = lower(head);
    const auto at = low.find("\r\n" + lower(name) + ":");
    if (at == std::string::npos) return "";
    auto begin = at + 2 + name.size() + 1;
    const auto end = head.find("\r\n", begin);
    while (begin < end && head[begin] == ' ') ++begin;
    return head.substr(begin, end - begin);
}

BodyEnd::BodyEnd(const std::string& head, bool none, bool until_close) {
    const std::string length = field(head, "Content-Length");
    if (none) return;
    if (lower(field(head, "Transfer-Encoding")) == "chunked") {
        kind_ = Kind::chunked;
    } else if (!length.empty()) {
        left_ = std::stoull(length);
    } else if (until_close) {
        kind_ = Kind::close;
    }
}

std::size_t BodyEnd::take(std::string_view bytes) {
    if (kind_ == Kind::close) return bytes.size();
    std::size_t used = 0;
    while (used < bytes.size() && !done()) {
        if (kind_ == Kind::length || part_ == Part::data) {
            const auto part = std::min<std::uint64_t>(left_, bytes.size() - used);
            left_ -= part;
            used += part;
            if (kind_ == Kind::chunked && left_ == 0) part_ = Part::after;
        } else {
            chunk_byte(bytes[used++]);
        }
    }
    return used;
}

void BodyEnd::chunk_byte(char c) {
    if (c != '\n') {
        if (c != '\r') line_ += c;
        return;
    }
    const std::string line = std::exchange(line_, "");
    if (part_ == Part::after) {
        part_ = Part::size;
    } else if (part_ == Part::size) {
        left_ = std::stoull(line, nullptr, 16);
        part_ = left_ == 0 ? Part::trailer : Part::data;
    } else if (line.empty()) {
        kind_ = Kind::length;  // and nothing left: done
    }
}

std::string Wire::head() {
    for (;;) {
        const auto end = rest.find("\r\n\r\n");
        if (end != std::string::npos) {
            std::string found = rest.substr(0, end + 4);
            rest.erase(0, end + 4);
            return found;
        }
        if (rest.size() > 64 * 1024 || !more()) return "";
    }
}

bool Wire::more() {
    std::array<char, 16384> buffer{};
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    rest.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

bool Wire::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const auto put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

int connect_unix(const std::string& path) {
    const sockaddr_un address = address_of(path);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
    ::close(fd);
    return -1;
}

int listen_unix(const std::string& path) {
    const sockaddr_un address = address_of(path);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
        ::listen(fd, 512) == 0) {
        return fd;
    }
    ::close(fd);
    return -1;
}

}  // namespace shallop::test
