// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cerrno>
#include <stdexcept>

namespace shallop::test {
namespace {

constexpr timeval patience{10, 0};

std::string small(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

void parse_head(const std::string& head, Answer& answer) {
    if (head.compare(0, 9, "HTTP/1.1 ") != 0) throw std::runtime_error("no status line: " + head);
    answer.status = std::stoi(head.substr(9, 3));
    std::size_t at = head.find("\r\n") + 2;
    while (at < head.size()) {
        const auto end = head.find("\r\n", at);
        const auto line = head.substr(at, end - at);
        const auto colon = line.find(": ");
        if (colon != line.npos) answer.fields[small(line.substr(0, colon))] = line.substr(colon + 2);
        at = end + 2;
    }
}

}  // namespace

Client::Client(const std::string& address, int receive_buffer) {
    sockaddr_storage where{};
    socklen_t size = sizeof(sockaddr_in);
    if (address.starts_with("unix:")) {
        auto& local = reinterpret_cast<sockaddr_un&>(where);
        local.sun_family = AF_UNIX;
        address.substr(5).copy(local.sun_path, sizeof local.sun_path - 1);
        size = sizeof(sockaddr_un);
    } else if (address.starts_with('[')) {
        auto& six = reinterpret_cast<sockaddr_in6&>(where);
        six.sin6_family = AF_INET6;
        six.sin6_addr = in6addr_loopback;
        six.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        size = sizeof(sockaddr_in6);
    } else {
        auto& four = reinterpret_cast<sockaddr_in&>(where);
        four.sin_family = AF_INET;
        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        four.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    }
    fd_.reset(::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1;
    if (where.ss_family != AF_UNIX) ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&where), size) != 0)
        throw std::runtime_error("cannot connect to " + address);
}

void Client::send(std::string_view bytes) {
    if (send_what_goes(bytes) != bytes.size()) throw std::runtime_error("the server takes no more");
}

std::size_t Client::send_what_goes(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const auto count = put(bytes.substr(sent));
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
    }
    return sent;
}

long Client::put(std::string_view bytes) { return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }

long Client::take(std::span<char> into) { return ::recv(fd_.get(), into.data(), into.size(), 0); }

bool Client::more() {
    char bytes[65536];
    const auto count = take(bytes);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        throw std::runtime_error("no answer in time; so far: " + buffer_.substr(0, 500));
    if (count > 0) buffer_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
}

std::string_view Client::receive_into(std::span<char> buffer) {
    const auto count = take(buffer);
    return {buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}

std::string Client::receive_some(std::size_t most) {
    std::string bytes(most, '\0');
    bytes.resize(receive_into(bytes).size());
    return bytes;
}

Answer Client::answer(bool to_head) {
    Answer answer;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == buffer_.npos) {
        if (!more()) return answer;
    }
    parse_head(buffer_.substr(0, end + 2), answer);
    buffer_.erase(0, end + 4);
    const bool bodiless = to_head || answer.status < 200 || answer.status == 204 || answer.status == 304;
    if (bodiless) {
        answer.complete = true;
    } else if (answer.fields.contains("content-length")) {
        const auto length = std::stoull(answer.field("content-length"));
        while (buffer_.size() < length && more()) {
        }
        answer.complete = buffer_.size() >= length;
        answer.body = buffer_.substr(0, length);
        buffer_.erase(0, length);
    } else if (answer.field("transfer-encoding") == "chunked") {
        while (true) {
            std::size_t line = 0;
            while ((line = buffer_.find("\r\n")) == buffer_.npos) {
                if (!more()) return answer;
            }
            const auto size = std::stoull(buffer_.substr(0, line), nullptr, 16);
            while (buffer_.size() < line + 2 + size + 2) {
                if (!more()) return answer;
            }
            answer.body += buffer_.substr(line + 2, size);
            buffer_.erase(0, line + 2 + size + 2);
            answer.complete = size == 0;
            if (size == 0) break;
        }
    } else {
        answer.body = until_close();
        answer.complete = true;
    }
    return answer;
}

std::string Client::until_close() {
    while (more()) {
    }
    return std::exchange(buffer_, {});
}

bool Client::closed() { return buffer_.empty() && !more(); }

void Client::half_close() { ::shutdown(fd_.get(), SHUT_WR); }

void Client::reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    fd_.reset();
}

}  // namespace shallop::test
