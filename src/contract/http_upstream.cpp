// SPDX-License-Identifier: Apache-2.0
#include "contract/http_upstream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace shallop::contract {
namespace {

int family_of(int fd) {
    int family = AF_UNIX;
    socklen_t size = sizeof family;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return family;
}

}  // namespace

Upstream::Upstream(http::Roster& roster, async::Executor executor, async::Clock& clock, base::Fd socket)
    : fd_(socket.get()), wire_(roster, executor, clock, std::move(socket), family_of(fd_), largest_buffer) {}

bool Upstream::is_quiet() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

ssize_t Upstream::send_now(std::string_view first, std::string_view second) {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                               iovec{const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = second.empty() ? 1 : 2;
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    return sent;
}

std::unique_ptr<Upstream> IdleUpstreams::take(const async::Clock& clock) {
    while (!idle_.empty()) {
        auto upstream = std::move(idle_.back());
        idle_.pop_back();
        const bool closing = upstream->usable_until != Instant::max() && clock.now() >= upstream->usable_until;
        if (!closing && upstream->is_quiet()) return upstream;
    }
    return nullptr;
}

void IdleUpstreams::give(std::unique_ptr<Upstream> upstream) {
    upstream->used = round_;
    if (idle_.size() < most_) idle_.push_back(std::move(upstream));
}

void IdleUpstreams::trim() {
    bool kept = false;
    for (auto at = idle_.size(); at-- > 0;) {
        const bool fresh = idle_[at]->used == round_;
        if (fresh || (!kept && !idle_[at]->grown)) {
            kept = true;
        } else {
            idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }
    ++round_;
}

}  // namespace shallop::contract
