// SPDX-License-Identifier: Apache-2.0
#include "pool/ledger_books.h"

#include <algorithm>
#include <iterator>

namespace shallop::pool {

namespace {

constexpr int most_records = 1'000'000;  // of slots and of tickets: 20 bits of a ticket are its record
constexpr unsigned record_bits = 20;

Duration average(Duration so_far, Duration sample) {
    sample = std::max(sample, Duration(1));  // 0 means "not measured"
    return so_far == Duration::zero() ? sample : std::max(so_far + (sample - so_far) / 8, Duration(1));
}

}  // namespace

Account::~Account() {
    for (auto& list : slots) list.clear();
    open.clear();
    line.clear();
}

Ledger::Books::Books(Totals t, Tuning u, KeepAliveFactory factory, std::vector<Order>& o)
    : totals(t), tuning(u), keep_alive(std::move(factory)), orders(o) {
    totals.instances = std::clamp(totals.instances, 1, most_records);
    totals.launches = std::clamp(totals.launches, 1, totals.instances);
    totals.waiting = std::clamp(totals.waiting, 1, most_records);
    entries.reserve(static_cast<std::size_t>(totals.instances));
    free_entries.reserve(static_cast<std::size_t>(totals.instances));
    waiters.reserve(static_cast<std::size_t>(totals.waiting));
    free_waiters.reserve(static_cast<std::size_t>(totals.waiting));
}

Ledger::Books::~Books() {
    resting.clear();
    restless.clear();
    accounts.clear();
}

Account* Ledger::Books::account(std::string_view name) const {
    const auto at = accounts.find(name);
    return at == accounts.end() ? nullptr : at->second.get();
}

Account& Ledger::Books::open_account(std::string_view name, Instant now) {
    if (auto* known = account(name)) return *known;
    auto made = std::make_unique<Account>();
    made->name = name;
    made->touched = now;
    return *accounts.emplace(made->name, std::move(made)).first->second;
}

Entry* Ledger::Books::entry(Slot slot) {
    const auto index = static_cast<std::uint32_t>(slot);
    if (index >= entries.size()) return nullptr;
    auto& found = entries[index];
    return found.slot == slot && found.account != nullptr ? &found : nullptr;
}

Entry& Ledger::Books::held(Slot slot) {
    const auto index = static_cast<std::uint32_t>(slot);
    const bool known = index < entries.size() && entries[index].slot == slot;
    base::ensure(known && entries[index].events > 0, "what is given back is held");
    return entries[index];
}

Waiter* Ledger::Books::waiter(Ticket ticket) {
    const auto index = ticket & ((1U << record_bits) - 1);
    if (ticket == 0 || index >= waiters.size() || waiters[index].ticket != ticket) return nullptr;
    return &waiters[index];
}

Entry& Ledger::Books::launch(Account& account, Instant now) {
    base::ensure(instances < totals.instances, "a launch has room");
    if (free_entries.empty()) {
        const auto index = static_cast<std::uint32_t>(entries.size());
        entries.emplace_back().slot = index;
        free_entries.push_back(index);
    }
    auto& entry = entries[free_entries.back()];
    free_entries.pop_back();
    entry.slot += 1ULL << 32;
    entry.state = State::launching;
    entry.stale = entry.pledged = entry.runs = false;
    entry.account = &account;
    entry.function = account.current;
    entry.concurrency = account.concurrency;
    entry.events = 0;
    entry.served = 0;
    entry.most = account.most;
    entry.memory = account.memory;
    entry.made = entry.since = entry.rested = now;
    entry.begun = {};
    account.slots[0].push_back(entry);
    account.memory_held += entry.memory;
    ++account.launches;
    ++instances;
    ++launching;
    memory += entry.memory;
    orders.push_back({.what = Order::What::launch, .slot = entry.slot, .function = entry.function});
    return entry;
}

/// Into another state, and into and out of the lists that go with it.
void Ledger::Books::move(Entry& entry, State to, Instant now) {
    auto& account = *entry.account;
    auto& from = account.slots[static_cast<std::size_t>(entry.state)];
    from.erase(from.iterator_to(entry));
    if (entry.state == State::launching && !entry.runs) --launching;
    const bool rests = to == State::idle || to == State::paused;
    if (entry.resting.is_linked() && !rests) resting.erase(resting.iterator_to(entry));
    if (!entry.resting.is_linked() && rests) resting.push_back(entry);
    entry.state = to;
    entry.since = now;
    account.slots[static_cast<std::size_t>(to)].push_back(entry);
    if (entry.open.is_linked() && to != State::idle && to != State::leased)
        account.open.erase(account.open.iterator_to(entry));
    if (to == State::retiring && entry.stale) {
        entry.stale = false;
        if (--account.stale == 0) account.taking_over = false;
    }
}

/// Its last event has ended, or it is ready and nobody has come.
void Ledger::Books::rest(Entry& entry, Instant now) {
    auto& account = *entry.account;
    entry.rested = now;
    move(entry, State::idle, now);
    if (entry.open.is_linked()) account.open.erase(account.open.iterator_to(entry));
    account.open.push_front(entry);
    due = std::min(due, now + account.rest_for);
}

/// Its launch has succeeded.
void Ledger::Books::ready(Entry& entry, Instant now) {
    auto& account = *entry.account;
    account.start = average(account.start, now - entry.made);
    if (!entry.stale) {
        account.breaker = {};
        account.prewarm = false;
    }
    rest(entry, now);
}

Ledger::Grant Ledger::Books::occupy(Entry& entry, Start start, Instant now) {
    auto& account = *entry.account;
    const Grant grant{entry.slot, start, entry.state == State::paused};
    if (entry.state != State::leased) {
        move(entry, State::leased, now);
        entry.begun = {};
    }
    ++entry.events;
    ++entry.served;
    entry.begun += now - entry.made;
    ++account.events;
    ++events;
    ++account.started[static_cast<std::size_t>(start)];
    if (!entry.has_place()) {
        if (entry.open.is_linked()) account.open.erase(account.open.iterator_to(entry));
    } else if (!entry.open.is_linked()) {
        account.open.push_front(entry);
    }
    return grant;
}

void Ledger::Books::doom(Entry& entry, Instant now) {
    if (entry.events == 0) return drop(entry, true, now);
    if (entry.state != State::retiring) move(entry, State::retiring, now);
    stir(*entry.account);
}

void Ledger::Books::drop(Entry& entry, bool tell, Instant now) {
    auto& account = *entry.account;
    base::ensure(entry.events == 0, "an instance that is dropped has no events in it");
    if (entry.state != State::retiring) move(entry, State::retiring, now);
    account.slots[static_cast<std::size_t>(State::retiring)].erase(
        account.slots[static_cast<std::size_t>(State::retiring)].iterator_to(entry));
    if (entry.pledged) --pledged;
    account.memory_held -= entry.memory;
    memory -= entry.memory;
    --instances;
    entry.account = nullptr;
    entry.function.reset();
    free_entries.push_back(static_cast<std::uint32_t>(entry.slot));
    if (tell) orders.push_back({.what = Order::What::retire, .slot = entry.slot});
    account.touched = now;
    if (account.current == nullptr && account.total() == 0) dying.push_back(&account);
    stir(account);
}

/// Which of several events in an instance has ended is not told: each end takes away the mean of the starts. Over time what is taken away
/// is what came in, so that the average is true; with one event it is exact.
void Ledger::Books::measure(Entry& entry, Instant now) {
    const Duration mean = entry.events == 1 ? entry.begun : entry.begun / entry.events;
    entry.begun -= mean;
    entry.account->service = average(entry.account->service, now - entry.made - mean);
}

// --- the line of one function -------------------------------------------------------------------------------------------------------------

/// The place to give next: in what was used last, and in what is paused only if nothing else runs.
Entry* Ledger::Books::best_place(Account& account) {
    if (!account.open.empty()) return &account.open.front();
    auto& paused = account.slots[static_cast<std::size_t>(State::paused)];
    return paused.empty() ? nullptr : &paused.back();
}

/// `queue` counts those that wait beyond what the function's instances could hold at once: an event that starts one is none of them.
int Ledger::Books::most_waiting(const Account& account) const {
    const std::int64_t launches = account.launching() + std::max(0, account.max - account.serving());
    const std::int64_t most = account.queue + launches * account.per_launch;
    return static_cast<int>(std::min<std::int64_t>(most, totals.waiting));
}

Ledger::Asked Ledger::Books::wait(Account& account, Instant now, bool yields) {
    if (free_waiters.empty()) {
        free_waiters.push_back(static_cast<std::uint32_t>(waiters.size()));
        waiters.emplace_back();
    }
    const auto index = free_waiters.back();
    free_waiters.pop_back();
    auto& waiter = waiters[index];
    waiter.ticket = (++last_ticket << record_bits) | index;
    waiter.account = &account;
    waiter.since = now;
    waiter.yields = yields;
    auto at = account.line.end();
    while (!yields && at != account.line.begin() && std::prev(at)->yields) --at;
    account.line.insert(at, waiter);
    ++waiting;
    stir(account);
    return {std::nullopt, waiter.ticket};
}

void Ledger::Books::step_out(Waiter& waiter) {
    auto& line = waiter.account->line;
    line.erase(line.iterator_to(waiter));
    free_waiters.push_back(static_cast<std::uint32_t>(waiter.ticket & ((1U << record_bits) - 1)));
    waiter.ticket = 0;
    --waiting;
}

void Ledger::Books::serve_line(Account& account, Start start, Instant now) {
    while (!account.line.empty()) {
        auto* entry = best_place(account);
        if (entry == nullptr) return;
        auto& waiter = account.line.front();
        const auto ticket = waiter.ticket;
        step_out(waiter);
        const auto grant = occupy(*entry, start, now);
        orders.push_back({.what = Order::What::serve,
                          .slot = grant.slot,
                          .ticket = ticket,
                          .start = start,
                          .wake = grant.wake,
                          .function = entry->function});
    }
}

void Ledger::Books::refuse(Account& account, int count, const base::Error& error) {
    for (; count > 0 && !account.line.empty(); --count) {
        auto& waiter = account.line.front();
        orders.push_back({.what = Order::What::refuse, .ticket = waiter.ticket, .error = error});
        ++account.refused;
        step_out(waiter);
    }
}

}  // namespace shallop::pool
