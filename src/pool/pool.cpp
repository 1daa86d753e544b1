// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/pool/pool.h>

#include <algorithm>

namespace shallop::pool {

using base::Fault;

/// An event in the line: its coroutine sleeps here until its ticket is granted.
struct Pool::Waiter {
    explicit Waiter(async::Executor executor) : turn(executor) {}

    async::Condition turn;
    bool granted = false;
};

namespace {

Task<Result<void>> until(bool& granted, async::Condition& turn) {
    while (!granted) co_await turn.wait();
    co_return Result<void>();
}

}  // namespace

Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      ticket_(other.ticket_),
      instance_(std::move(other.instance_)),
      queued_(other.queued_),
      started_(other.started_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ticket_, other.ticket_);
    std::swap(instance_, other.instance_);
    std::swap(queued_, other.queued_);
    std::swap(started_, other.started_);
    return *this;
}

Lease::~Lease() {
    instance_.reset();  // before the next one is let in, so that `max` holds
    if (pool_ != nullptr) pool_->leave(ticket_);
}

Pool::Pool(int instances_in_all, instance::Launcher& launcher, async::Clock& clock, async::Executor executor)
    : launcher_(launcher), clock_(clock), executor_(executor), ledger_(instances_in_all) {}

Task<Result<Lease>> Pool::acquire(function::FunctionPtr function, async::Instant deadline) {
    const auto asked = clock_.now();
    const Bounds bounds{function->spec.scale.max, function->spec.scale.queue};
    const auto answer = ledger_.ask(function->spec.name, bounds);
    if (!answer) co_return answer.error();

    Lease lease;  // from here on unwinding gives the ticket back
    lease.pool_ = this;
    lease.ticket_ = answer->ticket;
    if (!answer->granted) {
        const auto room = co_await wait_for_room(function, deadline, lease.ticket_);
        if (!room) co_return room.error();
    }
    const auto admitted = clock_.now();
    auto launched = co_await launcher_.launch(function, deadline);
    if (!launched) co_return launched.error();
    lease.instance_ = std::move(*launched);
    lease.queued_ = admitted - asked;
    lease.started_ = clock_.now() - admitted;
    co_return std::move(lease);
}

Task<Result<void>> Pool::wait_for_room(function::FunctionPtr function, async::Instant deadline, Ticket& ticket) {
    Waiter waiter(executor_);
    waiters_[ticket] = &waiter;
    struct Leave {
        std::map<Ticket, Waiter*>& waiters;
        Ticket ticket;
        ~Leave() { waiters.erase(ticket); }
    } leave{waiters_, ticket};

    const auto patience = clock_.now() + function->spec.scale.queue_timeout;
    const auto latest = std::min(deadline, patience);
    auto granted = until(waiter.granted, waiter.turn);
    const auto room = co_await async::within(clock_, latest, std::move(granted));
    if (room) co_return room;
    if (latest == deadline) co_return base::Error(Fault::timed_out, "no instance became free before limits.timeout");
    co_return base::Error(Fault::overloaded, "no instance became free within scale.queue_timeout", "waited");
}

void Pool::leave(Ticket ticket) {
    for (const auto next : ledger_.leave(ticket)) {
        const auto waiter = waiters_.find(next);
        base::ensure(waiter != waiters_.end(), "a ticket that waits has a waiter");
        waiter->second->granted = true;
        waiter->second->turn.notify_all();
    }
}

}  // namespace shallop::pool
