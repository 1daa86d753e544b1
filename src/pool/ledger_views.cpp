// SPDX-License-Identifier: Apache-2.0
#include "pool/ledger_books.h"

#include <algorithm>
#include <numeric>

/// What the Ledger tells of itself, and what must always be true of it.
namespace shallop::pool {

using base::ensure;

namespace {

Ledger::Counts counts_of(const Account& account) {
    Ledger::Counts counts;
    for (std::size_t i = 0; i < states; ++i) counts.slots[i] = static_cast<int>(account.slots[i].size());
    counts.events = account.events;
    counts.waiting = account.waiting();
    counts.started = account.started;
    counts.launches = account.launches;
    counts.launch_failures = account.launch_failures;
    counts.refused = account.refused;
    counts.memory = account.memory_held;
    return counts;
}

Ledger::SlotView view_of(const Entry& entry) {
    return {entry.slot, entry.state, entry.function, entry.events, entry.served, entry.made, entry.since};
}

template <typename List, typename Before>
bool in_order(const List& list, Before before) {
    const auto wrong =
        std::adjacent_find(list.begin(), list.end(), [&](const auto& a, const auto& b) { return before(b, a); });
    return wrong == list.end();
}

}  // namespace

int Ledger::Counts::instances() const { return std::accumulate(slots.begin(), slots.end(), 0); }

Ledger::Counts Ledger::counts() const {
    Counts all;
    for (const auto& [name, account] : books_->accounts) {
        const auto one = counts_of(*account);
        for (std::size_t i = 0; i < states; ++i) all.slots[i] += one.slots[i];
        for (std::size_t i = 0; i < all.started.size(); ++i) all.started[i] += one.started[i];
        all.events += one.events;
        all.waiting += one.waiting;
        all.launches += one.launches;
        all.launch_failures += one.launch_failures;
        all.refused += one.refused;
        all.memory += one.memory;
    }
    return all;
}

Ledger::Counts Ledger::counts(std::string_view function) const {
    const auto* account = books_->account(function);
    return account == nullptr ? Counts{} : counts_of(*account);
}

std::vector<std::string> Ledger::functions() const {
    std::vector<std::string> names;
    names.reserve(books_->accounts.size());
    for (const auto& [name, account] : books_->accounts) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<Ledger::SlotView> Ledger::slots(std::string_view function) const {
    std::vector<SlotView> found;
    if (const auto* account = books_->account(function)) {
        for (const auto& list : account->slots) {
            for (const auto& entry : list) found.push_back(view_of(entry));
        }
    }
    return found;
}

std::optional<Ledger::SlotView> Ledger::find(Slot slot) const {
    const auto* entry = books_->entry(slot);
    if (entry == nullptr) return std::nullopt;
    return view_of(*entry);
}

Duration Ledger::retry_after(std::string_view function, Instant now) const {
    const auto* account = books_->account(function);
    if (account == nullptr || !account->breaker.open) return Duration::zero();
    return std::max(account->breaker.retry_at - now, Duration::zero());
}

void Ledger::check() const { books_->check(); }

void Ledger::Books::check() const {
    int in_all = 0, starting = 0, held = 0, queued = 0, at_rest = 0, pledges = 0;
    Bytes promised = 0;
    for (const auto& [key, account] : accounts) {
        ensure(key == account->name, "an account is found by its name");
        check(*account);
        in_all += account->total();
        for (const auto& entry : account->slots[static_cast<std::size_t>(State::launching)])
            starting += entry.runs ? 0 : 1;
        held += account->events;
        queued += account->waiting();
        at_rest += account->in(State::idle) + account->in(State::paused);
        promised += account->memory_held;
        for (const auto& entry : account->slots[static_cast<std::size_t>(State::retiring)])
            pledges += entry.pledged ? 1 : 0;
    }
    ensure(in_all == instances && instances <= totals.instances, "no more instances than there may be");
    ensure(starting == launching && launching <= totals.launches, "no more launches in flight than there may be");
    ensure(held == events, "the events of all are the events of each");
    ensure(queued == waiting && waiting <= totals.waiting, "no more wait than may");
    ensure(promised == memory && (totals.memory == 0 || memory <= totals.memory),
           "no more memory is promised than there may be");
    ensure(at_rest == static_cast<int>(resting.size()), "what rests is in the list of what rests");
    ensure(pledges == pledged, "what goes for another is counted");
    ensure(in_order(resting, [](const Entry& a, const Entry& b) { return a.rested < b.rested; }),
           "who rests longest is first");
    ensure(in_all + free_entries.size() == entries.size(), "each record of a slot is used or free");
    ensure(queued + free_waiters.size() == waiters.size(), "each record of a ticket is used or free");
    ensure(dying.empty(), "no account is left to be removed");
    ensure(needy == nullptr || needy->restless.is_linked(), "who needs a place is looked after");
}

void Ledger::Books::check(const Account& account) const {
    const auto& line = account.line;
    ensure(account.current != nullptr || (account.serving() == 0 && line.empty()),
           "a withdrawn function only ends what runs");
    ensure(account.current != nullptr || account.total() > 0, "an account that holds nothing for nobody is removed");
    int held = 0, old = 0;
    Bytes promised = 0;
    for (std::size_t i = 0; i < states; ++i) {
        for (const auto& entry : account.slots[i]) {
            ensure(entry.account == &account && entry.state == static_cast<State>(i),
                   "an instance is where its state says");
            check(entry);
            held += entry.events;
            old += entry.stale ? 1 : 0;
            promised += entry.memory;
        }
    }
    ensure(held == account.events && promised == account.memory_held,
           "a function's events and memory are those of its instances");
    ensure(old == account.stale && account.taking_over == (old > 0),
           "old versions serve only while a new one takes over");
    ensure(account.total() <= instances, "a part is not more than the whole");
    for (const auto& waiter : line)
        ensure(waiter.account == &account && waiter.ticket != 0, "who waits is in the line of his function");
    ensure(in_order(line, [](const Waiter& a,
                             const Waiter& b) { return a.yields == b.yields ? a.ticket < b.ticket : b.yields; }),
           "who waits longest is first");
    ensure(line.empty() || (account.open.empty() && account.in(State::paused) == 0),
           "nobody waits while there is a place");
    for (const auto state : {State::idle, State::paused}) {
        const auto& list = account.slots[static_cast<std::size_t>(state)];
        ensure(in_order(list, [](const Entry& a, const Entry& b) { return a.rested < b.rested; }),
               "who idles longest is first");
    }
    // No place, no launch, no bound that forbids one, no breaker: then somebody waits for nothing.
    const bool could = launching < totals.launches && instances < totals.instances && totals.memory == 0;
    const bool stuck = !line.empty() && !account.has_hope() && account.in(State::leased) == 0 &&
                       !account.breaker.open && account.in(State::retiring) == 0;
    ensure(!(stuck && could), "nobody waits for nothing");
}

void Ledger::Books::check(const Entry& entry) const {
    const bool runs = entry.state == State::idle || entry.state == State::leased;
    ensure(entry.open.is_linked() == (runs && entry.has_place()), "what has a place is open");
    ensure(entry.resting.is_linked() == (entry.state == State::idle || entry.state == State::paused),
           "idle and paused is at rest");
    const bool in_use = entry.state == State::leased || entry.state == State::retiring;
    ensure((entry.events > 0) == in_use, "events are in what is leased or retiring, and in nothing else");
    ensure(entry.events <= entry.concurrency, "no instance holds more events than its concurrency");
    ensure(entry.served <= entry.most, "no instance serves more events than its max_invocations");
    ensure(entry.begun >= Duration::zero(), "events began after their instance");
    ensure(
        entry.state == State::retiring || entry.stale == (entry.function->version != entry.account->current->version),
        "what is stale runs another version than the current one");
}

}  // namespace shallop::pool
