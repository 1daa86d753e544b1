// SPDX-License-Identifier: Apache-2.0
#include "contract/http_upstream.h"

#include <sys/socket.h>

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
    : Upstream(roster, executor, clock, family_of(socket.get()), std::move(socket)) {}

Upstream::Upstream(http::Roster& roster, async::Executor executor, async::Clock& clock, int family, base::Fd socket)
    : wire_(roster, executor, clock, std::move(socket), family, largest_buffer) {}

std::unique_ptr<Upstream> IdleUpstreams::take(const async::Clock& clock) {
    while (!idle_.empty()) {
        auto upstream = std::move(idle_.back());
        idle_.pop_back();
        const bool closing = upstream->usable_until != Instant::max() && clock.now() >= upstream->usable_until;
        if (!closing && upstream->wire().is_quiet()) return upstream;
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
