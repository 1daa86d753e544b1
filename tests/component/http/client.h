// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fd.h>

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace shallop::test {

/// One answer, taken off the wire; fields by small-letter names.
struct Answer {
    int status = 0;
    std::map<std::string, std::string> fields;
    std::string body;
    bool complete = false;  ///< its framing says that nothing is missing

    std::string field(const std::string& name) const {
        const auto at = fields.find(name);
        return at == fields.end() ? "" : at->second;
    }
};

/// A client that says what it is told to, byte by byte. Gives up after ten seconds, by throwing.
class Client {
public:
    /// "127.0.0.1:1234", "[::1]:1234" or "unix:/path". A small `receive_buffer` makes a slow reader of it.
    explicit Client(const std::string& address, int receive_buffer = 0);
    virtual ~Client() = default;
    Client(Client&&) = default;

    void send(std::string_view bytes);
    /// Sends until the peer takes no more or has hung up; how many bytes it took.
    std::size_t send_what_goes(std::string_view bytes);
    Answer answer(bool to_head = false);
    /// All that comes until the server closes or resets.
    std::string until_close();
    /// Whether the server has ended or reset the connection.
    bool closed();
    std::string receive_some(std::size_t most);
    std::string_view receive_into(std::span<char> buffer);

    void half_close();
    void close() { fd_.reset(); }
    /// Closes so that the peer sees a reset.
    void reset();

protected:
    // What goes over the wire: bytes, 0 for the end, below 0 with errno.
    virtual long put(std::string_view bytes);
    virtual long take(std::span<char> into);

    int fd() const { return fd_.get(); }

private:
    bool more();

    base::Fd fd_;
    std::string buffer_;
};

inline const std::string hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/// Waits for another thread, with a limit.
template <typename F>
bool eventually(F claim) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!claim()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace shallop::test
