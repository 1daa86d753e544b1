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

constexpr int trusted_replies = 2;
constexpr auto trusted_time = std::chrono::milliseconds(5);

/// A look costs a system call. It is spared where a server that keeps connections open has had hardly any time to close this one, or to send
/// what nobody has asked for (ADR 9).
bool needs_look(const Upstream& upstream, Instant now) {
    return upstream.replies < trusted_replies || now - upstream.idle_since > trusted_time;
}

}  // namespace

Upstream::Upstream(http::Roster& roster, async::Executor executor, async::Clock& clock, base::Fd socket)
    : Upstream(roster, executor, clock, family_of(socket.get()), std::move(socket)) {}

Upstream::Upstream(http::Roster& roster, async::Executor executor, async::Clock& clock, int family, base::Fd socket)
    : wire_(roster, executor, clock, std::move(socket), family, largest_buffer) {}

std::unique_ptr<Upstream> IdleUpstreams::take(const async::Clock& clock) {
    if (idle_.empty()) return nullptr;
    const auto now = clock.now();
    do {
        auto upstream = std::move(idle_.back());
        idle_.pop_back();
        if (now >= upstream->usable_until) continue;
        if (!needs_look(*upstream, now) || upstream->wire().is_quiet()) return upstream;
    } while (!idle_.empty());
    return nullptr;
}

void IdleUpstreams::give(std::unique_ptr<Upstream> upstream, Instant now) {
    upstream->used = round_;
    upstream->wire().shrink();
    upstream->idle_since = now;
    // Behind a body that was asked for to the byte there may be more; where none is due, some servers send one that comes a little later.
    const bool bodiless = upstream->parser().framing() == http::ReplyParser::Framing::none;
    upstream->replies = bodiless || !upstream->wire().drained() ? 0 : upstream->replies + 1;
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
