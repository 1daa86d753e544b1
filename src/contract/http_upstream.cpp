// SPDX-License-Identifier: Apache-2.0
#include "contract/http_upstream.h"

#include <sys/socket.h>

#include <algorithm>

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
constexpr auto idle_time = std::chrono::seconds(30);
constexpr auto close_margin = std::chrono::seconds(1);  // before a server closes what it said it would

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

bool LentUpstream::take_idle() {
    upstream_ = idle_.take(around_.clock);
    return upstream_ != nullptr;
}

void LentUpstream::open(base::Fd socket) {
    upstream_ = std::make_unique<Upstream>(around_.roster, around_.executor, around_.clock, std::move(socket));
}

void LentUpstream::give_back() {
    const auto now = around_.clock.now();
    if (const auto seconds = upstream_->parser().idle_seconds())
        upstream_->usable_until = now + std::chrono::seconds(*seconds) - close_margin;
    idle_.give(std::move(upstream_), now);
}

Task<void> keep_trimmed(std::weak_ptr<IdleUpstreams> idle, std::weak_ptr<BodyBuffers> buffers, async::Clock& clock) {
    for (;;) {
        co_await clock.sleep_for(idle_time);
        const auto connections = idle.lock();
        const auto memory = buffers.lock();
        if (!connections || !memory) co_return;
        connections->trim();
        memory->trim();
    }
}

std::size_t most_idle(const function::Scale& scale) { return static_cast<std::size_t>(std::max(scale.concurrency, 1)); }

}  // namespace shallop::contract
