// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>

namespace shallop::docker {

/// One that a Reactor tells of its end; what CURLOPT_PRIVATE of an easy handle points to.
class Ending {
public:
    virtual void ended(CURLcode code) = 0;

protected:
    ~Ending() = default;
};

/// Lets the loop drive one libcurl multi handle. We make and close libcurl's sockets for it, so that each is registered with the
/// loop once, for as long as its connection lives. Belongs to one loop; outlives the handles added to it.
class Reactor {
public:
    Reactor(async::Executor executor, std::size_t kept_connections);
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    ~Reactor();

    /// Prepares a new easy handle to be added.
    void equip(CURL* easy);
    void add(CURL* easy);
    void remove(CURL* easy);

private:
    using Stream = boost::asio::posix::basic_stream_descriptor<async::Executor>;
    using Timer =
        boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                          boost::asio::wait_traits<std::chrono::steady_clock>, async::Executor>;

    /// A descriptor and what libcurl waits for on it. A wait in flight is known by its ticket: descriptors are reused.
    struct Socket {
        explicit Socket(Stream s) : stream(std::move(s)) {}
        Stream stream;
        int wanted = 0;  ///< CURL_POLL_*
        std::uint64_t reading = 0;
        std::uint64_t writing = 0;
        bool lent = false;  ///< libcurl's own descriptor (its resolver's): ours is a duplicate
    };

    static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
    static int close_socket(void* self, curl_socket_t fd);
    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
    static int on_timer(CURLM* multi, long milliseconds, void* self);

    void want(curl_socket_t fd, int what);
    void arm(curl_socket_t fd);
    void wait(curl_socket_t fd, Socket& socket, bool write);
    void ready(curl_socket_t fd, std::uint64_t ticket, bool write);
    void set_timer(long milliseconds);
    void act(curl_socket_t fd, int events);

    async::Executor executor_;
    CURLM* multi_;
    std::map<curl_socket_t, Socket> sockets_;
    Timer timer_;
    std::uint64_t timer_ticket_ = 0;
    std::uint64_t last_ticket_ = 0;
    std::shared_ptr<Reactor*> alive_;  ///< handlers still queued when we are gone see that it has expired
};

}  // namespace shallop::docker
