// SPDX-License-Identifier: Apache-2.0
#include "docker/reactor.h"

#include <shallop/base/result.h>

#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shallop::docker {

namespace asio = boost::asio;
using base::ensure;

Reactor::Reactor(async::Executor executor, std::size_t kept_connections)
    : executor_(executor), multi_(nullptr), timer_(executor), alive_(std::make_shared<Reactor*>(this)) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    ensure(ready == CURLE_OK, "libcurl starts");
    multi_ = curl_multi_init();
    ensure(multi_ != nullptr, "libcurl has memory for a multi handle");
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Reactor::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Reactor::on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kept_connections));
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

Reactor::~Reactor() {
    alive_.reset();
    curl_multi_cleanup(multi_);  // closes the kept connections, by close_socket()
}

void Reactor::equip(CURL* easy) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Reactor::open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Reactor::close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

void Reactor::add(CURL* easy) {
    const CURLMcode added = curl_multi_add_handle(multi_, easy);
    ensure(added == CURLM_OK, "libcurl takes an easy handle");
}

void Reactor::remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }

curl_socket_t Reactor::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& reactor = *static_cast<Reactor*>(self);
    const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    boost::system::error_code failed;
    Stream stream(reactor.executor_);
    stream.assign(fd, failed);
    if (failed) {
        ::close(fd);
        return CURL_SOCKET_BAD;
    }
    reactor.sockets_.insert_or_assign(fd, Socket(std::move(stream)));
    return fd;
}

int Reactor::close_socket(void* self, curl_socket_t fd) {
    auto& reactor = *static_cast<Reactor*>(self);
    ensure(reactor.sockets_.erase(fd) == 1, "a socket that libcurl closes is one we opened");
    return 0;
}

int Reactor::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    static_cast<Reactor*>(self)->want(fd, what);
    return 0;
}

int Reactor::on_timer(CURLM*, long milliseconds, void* self) {
    static_cast<Reactor*>(self)->set_timer(milliseconds);
    return 0;
}

void Reactor::want(curl_socket_t fd, int what) {
    auto found = sockets_.find(fd);
    if (what == CURL_POLL_REMOVE) {
        if (found == sockets_.end()) return;
        if (found->second.lent) {
            sockets_.erase(found);
            return;
        }
        // A kept connection that nobody uses must not keep the loop busy.
        Socket& socket = found->second;
        socket.wanted = 0;
        if (socket.reading != 0 || socket.writing != 0) socket.stream.cancel();
        socket.reading = socket.writing = 0;
        return;
    }
    if (found == sockets_.end()) {
        const int duplicate = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (duplicate < 0) return;  // libcurl polls its resolver by timer, too
        found = sockets_.emplace(fd, Socket(Stream(executor_, duplicate))).first;
        found->second.lent = true;
    }
    found->second.wanted = what;
    arm(fd);
}

/// Starts the waits that are wanted and not under way.
void Reactor::arm(curl_socket_t fd) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    Socket& socket = found->second;
    if ((socket.wanted & CURL_POLL_IN) != 0 && socket.reading == 0) wait(fd, socket, false);
    if ((socket.wanted & CURL_POLL_OUT) != 0 && socket.writing == 0) wait(fd, socket, true);
}

void Reactor::wait(curl_socket_t fd, Socket& socket, bool write) {
    const std::uint64_t ticket = ++last_ticket_;
    (write ? socket.writing : socket.reading) = ticket;
    const std::weak_ptr<Reactor*> alive = alive_;
    const auto kind = write ? asio::posix::descriptor_base::wait_write : asio::posix::descriptor_base::wait_read;
    socket.stream.async_wait(kind, [alive, fd, ticket, write](const boost::system::error_code& failed) {
        const auto self = alive.lock();
        if (self && failed != asio::error::operation_aborted) (*self)->ready(fd, ticket, write);
    });
}

void Reactor::ready(curl_socket_t fd, std::uint64_t ticket, bool write) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    std::uint64_t& waiting = write ? found->second.writing : found->second.reading;
    if (waiting != ticket) return;  // of an earlier use of this descriptor
    waiting = 0;
    if ((found->second.wanted & (write ? CURL_POLL_OUT : CURL_POLL_IN)) == 0) return;
    act(fd, write ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
    arm(fd);
}

void Reactor::set_timer(long milliseconds) {
    const std::uint64_t ticket = ++timer_ticket_;
    const std::weak_ptr<Reactor*> alive = alive_;
    const auto fire = [alive, ticket] {
        const auto self = alive.lock();
        if (self && (*self)->timer_ticket_ == ticket) (*self)->act(CURL_SOCKET_TIMEOUT, 0);
    };
    if (milliseconds < 0) {
        timer_.cancel();
    } else if (milliseconds == 0) {
        timer_.cancel();
        asio::post(executor_, fire);  // never from inside libcurl
    } else {
        timer_.expires_after(std::chrono::milliseconds(milliseconds));
        timer_.async_wait([fire](const boost::system::error_code& failed) {
            if (!failed) fire();
        });
    }
}

void Reactor::act(curl_socket_t fd, int events) {
    int running = 0;
    curl_multi_socket_action(multi_, fd, events, &running);
    int queued = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL* const easy = message->easy_handle;
        const CURLcode code = message->data.result;
        Ending* who = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &who);
        curl_multi_remove_handle(multi_, easy);  // `message` is gone with it; its connection is free for the next
        who->ended(code);
    }
}

}  // namespace shallop::docker
