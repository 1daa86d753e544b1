// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/pool/pool.h>

#include <algorithm>
#include <utility>

namespace shallop::pool {

using base::Error;
using base::Fault;

namespace {

constexpr auto launch_patience = std::chrono::milliseconds(250);

Task<Result<void>> until_done(const Pool::Turn& turn, async::Condition& changed) {
    while (!turn.done()) co_await changed.wait();
    co_return Result<void>();
}

}  // namespace

Pool::Turn::Turn(Pool& pool, const function::FunctionPtr& function, async::Instant now, bool yields)
    : pool_(pool), function_(function), asked_(now) {
    const auto answer = pool_.ledger_.ask(function_, asked_, yields);
    if (!answer) {
        refused_ = answer.error();
    } else if (answer->grant) {
        slot_ = answer->grant->slot;
        start_ = answer->grant->start;
        wake_ = answer->grant->wake;
        served_ = true;
    } else {
        ticket_ = answer->ticket;
        changed_.emplace(pool_.executor_);
        pool_.waiting_[ticket_] = this;
    }
    if (!served_) pool_.obey();
}

Pool::Turn::~Turn() {
    leave();
    if (served_) pool_.give_back(slot_, true);  // cancelled between being served and taking it
}

/// Out of the line, if it is still in it.
void Pool::Turn::leave() {
    if (ticket_ == 0) return;
    pool_.waiting_.erase(ticket_);
    const bool in_line = pool_.ledger_.leave(std::exchange(ticket_, 0), pool_.clock_.now());
    if (in_line) pool_.obey();
}

Result<Lease> Pool::Turn::take() {
    const bool waited = ticket_ != 0;
    leave();
    if (refused_) return *refused_;
    base::ensure(std::exchange(served_, false), "a turn is taken once, when it is done");
    Lease lease = pool_.lease(slot_, start_, wake_);
    lease.since_ = waited ? pool_.clock_.now() : asked_;
    if (!waited) return lease;
    // Of a launch that began before it was asked for, only the rest was waited for.
    const auto all = lease.since_ - asked_;
    if (start_ == Start::cold) lease.started_ = std::min(all, pool_.held_.at(slot_).started);
    lease.queued_ = all - lease.started_;
    return lease;
}

Task<void> Pool::Turn::wait(async::Instant deadline) {
    const auto& spec = function_->spec;
    for (auto patience = asked_ + spec.scale.queue_timeout;; patience += launch_patience) {
        const auto latest = std::min(deadline, patience);
        auto done_in_time = until_done(*this, *changed_);
        const auto in_time = co_await async::within(pool_.clock_, latest, std::move(done_in_time));
        if (in_time || done()) co_return;
        const auto counts = pool_.ledger_.counts(spec.name);
        const bool launching = counts.in(State::launching) > 0;
        if (latest < deadline && launching) continue;
        if (latest < deadline) {
            refused_ = Error(Fault::overloaded, "no instance became free within scale.queue_timeout", "waited");
        } else if (launching && counts.instances() == counts.in(State::launching)) {
            refused_ = Error(Fault::start_timeout, "no instance was ready within limits.timeout");
        } else {
            refused_ = Error(Fault::timed_out, "no instance became free before limits.timeout");
        }
        co_return;
    }
}

}  // namespace shallop::pool
