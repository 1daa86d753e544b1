// SPDX-License-Identifier: Apache-2.0
#include "pool/ledger_books.h"

#include <algorithm>

namespace shallop::pool {

using base::Error;
using base::Fault;

std::string_view name(State state) {
    static constexpr std::array<std::string_view, states> names{"launching", "idle", "leased", "paused", "retiring"};
    return names[static_cast<std::size_t>(state)];
}

std::string_view name(Start start) {
    static constexpr std::array<std::string_view, 3> names{"warm", "standby", "cold"};
    return names[static_cast<std::size_t>(start)];
}

Ledger::Ledger(Totals totals, Tuning tuning, KeepAliveFactory keep_alive)
    : books_(std::make_unique<Books>(totals, tuning, std::move(keep_alive), orders_)) {}

Ledger::~Ledger() = default;

base::Result<Ledger::Asked> Ledger::ask(const function::FunctionPtr& function, Instant now, bool yields) {
    auto& books = *books_;
    if (books.draining) return Error(Fault::shutting_down, "no new events are taken: the server is stopping");
    auto* known = books.account(function->spec.name);
    const bool newer = known == nullptr || known->current == nullptr ||
                       (known->current != function && known->current->version < function->version);
    if (newer) {
        known = &books.open_account(function->spec.name, now);
        books.adopt(*known, function, now);
        books.settle(now);
    }
    auto& account = *known;
    if (account.learns) books.woke(account, now);
    if (auto* entry = books.best_place(account)) {
        const auto grant = books.occupy(*entry, entry->served == 0 ? Start::standby : Start::warm, now);
        if (!account.reuse) {  // the next standby takes its place
            books.stir(account);
            books.settle(now);
        }
        return Asked{grant, 0};
    }
    if (books.refuses(account, now)) {
        ++account.refused;
        return books.explain(account, now);
    }
    if (account.waiting() >= books.most_waiting(account) || books.waiting >= books.totals.waiting) {
        ++account.refused;
        const bool own = books.waiting < books.totals.waiting;
        return Error(Fault::overloaded,
                     own ? "function '" + account.name + "' has " + std::to_string(account.queue) +
                               " events waiting, its scale.queue"
                         : std::to_string(books.waiting) + " events wait in all, the most there may be");
    }
    const auto asked = books.wait(account, now, yields);
    books.settle(now);
    return asked;
}

bool Ledger::leave(Ticket ticket, Instant now) {
    auto& books = *books_;
    auto* waiter = books.waiter(ticket);
    if (waiter == nullptr) return false;
    auto& account = *waiter->account;
    books.step_out(*waiter);
    books.trim(account, now);
    books.stir(account);
    books.settle(now);
    return true;
}

void Ledger::give_back(Slot slot, bool sound, Instant now) {
    auto& books = *books_;
    auto& entry = books.held(slot);
    auto& account = *entry.account;
    books.measure(entry, now);
    --entry.events;
    --account.events;
    --books.events;
    const bool stays = sound && entry.state == State::leased && entry.served < entry.most;
    if (stays && account.plain && account.line.empty() && books.needy == nullptr) {
        if (entry.events == 0) return books.rest(entry, now);
        if (entry.open.is_linked()) account.open.erase(account.open.iterator_to(entry));
        account.open.push_front(entry);
        return;
    }
    if (!sound || entry.state == State::retiring) {
        books.doom(entry, now);
    } else if (!stays) {
        if (entry.events == 0) books.drop(entry, true, now);
    } else if (books.yields(entry, now)) {
        entry.pledged = true;
        ++books.pledged;
        books.doom(entry, now);
    } else {
        if (entry.open.is_linked()) account.open.erase(account.open.iterator_to(entry));
        account.open.push_front(entry);
        books.serve_line(account, Start::warm, now);
        if (entry.events == 0) books.rest(entry, now);
    }
    if (account.events == 0) books.went_to_rest(account, now);
    books.trim(account, now);
    books.stir(account);
    books.settle(now);
}

Slot Ledger::claim(std::string_view function, Instant now) {
    auto& books = *books_;
    auto* account = books.account(function);
    if (account == nullptr) return 0;
    auto& idle = account->slots[static_cast<std::size_t>(State::idle)];
    const auto at = std::find_if(idle.begin(), idle.end(), [](const Entry& e) { return !e.stale && e.served == 0; });
    if (at == idle.end()) return 0;
    const auto slot = at->slot;
    books.drop(*at, false, now);
    books.settle(now);
    return slot;
}

void Ledger::keep_standby(std::string_view function, int standby, Instant now) {
    auto& books = *books_;
    auto* account = books.account(function);
    if (account == nullptr || account->reuse) return;
    account->standby = std::max(0, standby);
    account->max = std::max(1, standby);
    books.trim(*account, now);
    books.stir(*account);
    books.settle(now);
}

void Ledger::running(Slot slot, Instant now) {
    auto& books = *books_;
    auto* entry = books.entry(slot);
    if (entry == nullptr || entry->state != State::launching || entry->runs) return;
    entry->runs = true;
    --books.launching;
    books.settle(now);
}

void Ledger::launched(Slot slot, Instant now) {
    auto& books = *books_;
    auto* entry = books.entry(slot);
    if (entry == nullptr || entry->state != State::launching) return;
    auto& account = *entry->account;
    books.ready(*entry, now);
    books.serve_line(account, Start::cold, now);
    if (!entry->stale && account.taking_over) books.retire_stale(account, now);
    books.trim(account, now);
    books.stir(account);
    books.settle(now);
}

void Ledger::launch_failed(Slot slot, const Error& error, Instant now) {
    auto& books = *books_;
    auto* entry = books.entry(slot);
    if (entry == nullptr || entry->state != State::launching) return;
    auto& account = *entry->account;
    const bool stale = entry->stale;
    const auto made = entry->made;
    books.drop(*entry, false, now);
    if (account.current != nullptr) books.failed(account, stale, made, error, now);
    books.settle(now);
}

void Ledger::lost(Slot slot, Instant now) {
    auto& books = *books_;
    auto* entry = books.entry(slot);
    if (entry == nullptr) return;
    if (entry->state == State::launching) {
        orders_.push_back({.what = Order::What::retire, .slot = slot});
        return launch_failed(slot, Error(Fault::launch_failed, "the container died while it started"), now);
    }
    books.doom(*entry, now);
    books.settle(now);
}

void Ledger::retire(Slot slot, Instant now) {
    auto& books = *books_;
    auto* entry = books.entry(slot);
    if (entry == nullptr) return;
    books.doom(*entry, now);
    books.settle(now);
}

void Ledger::deploy(const function::FunctionPtr& function, Instant now) {
    auto& books = *books_;
    auto& account = books.open_account(function->spec.name, now);
    account.deployed = true;
    if (account.current == nullptr || account.current->version < function->version) books.adopt(account, function, now);
    books.refresh(account);
    books.stir(account);
    books.settle(now);
}

Slot Ledger::deploy_made(const function::FunctionPtr& function, Instant now) {
    auto& books = *books_;
    auto& account = books.open_account(function->spec.name, now);
    account.deployed = true;
    if (account.current == nullptr || account.current->version < function->version) books.adopt(account, function, now);
    books.refresh(account);
    Slot slot = 0;
    const bool room = books.fits(account) && account.serving() - account.stale < account.max;
    if (account.current == function && room && !books.draining) {
        auto& entry = books.launch(account, now);
        orders_.pop_back();  // it is there already
        entry.runs = true;
        --books.launching;
        slot = entry.slot;
    }
    books.stir(account);
    books.settle(now);
    return slot;
}

void Ledger::withdraw(std::string_view function, Instant now) {
    auto& books = *books_;
    auto* account = books.account(function);
    if (account == nullptr) return;
    books.refuse(*account, account->waiting(), Error(Fault::not_found, "function '" + account->name + "' was removed"));
    account->deployed = account->prewarm = false;
    account->prewarm_at = account->prewarm_until = Instant::max();
    account->current.reset();
    books.refresh(*account);
    books.retire_where(*account, [](const Entry&) { return true; }, now);
    books.dying.push_back(account);
    books.settle(now);
}

void Ledger::drain(Instant now) {
    auto& books = *books_;
    books.draining = true;
    for (auto& [name, account] : books.accounts) {
        account->prewarm = false;
        account->prewarm_at = account->prewarm_until = Instant::max();
        books.refresh(*account);
        books.trim(*account, now);
        books.stir(*account);
    }
    books.settle(now);
}

Bytes Ledger::relieve(Bytes wanted, Instant now) {
    auto& books = *books_;
    Bytes freed = 0;
    for (auto at = books.resting.begin(); at != books.resting.end() && freed < wanted;) {
        auto& entry = *at++;
        // A standby would be started again at once.
        const auto& owner = *entry.account;
        if (owner.serving() <= owner.floor() || (!owner.reuse && owner.kept)) continue;
        freed += entry.memory;
        books.drop(entry, true, now);
    }
    books.settle(now);
    return freed;
}

Instant Ledger::tick(Instant now) {
    auto& books = *books_;
    books.due = Instant::max();
    for (auto& [name, account] : books.accounts) books.look(*account, now);
    books.settle(now);
    return books.due;
}

Instant Ledger::due() const { return books_->due; }

void Ledger::take_orders(std::vector<Order>& into) {
    into.clear();
    into.swap(orders_);
}

std::vector<Order> Ledger::take_orders() { return std::exchange(orders_, {}); }

}  // namespace shallop::pool
