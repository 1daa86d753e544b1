// SPDX-License-Identifier: Apache-2.0
#include "pool/ledger_books.h"

#include <algorithm>

/// Which function gets the next launch, and whose instance goes for it.
namespace shallop::pool {

namespace {

constexpr int most_tries = 4;  // functions looked at, each time, for which there is no room

/// Who comes before whom among equally urgent ones: who holds fewest, then who has waited longest.
bool before(const Account& a, const Account& b) {
    if (a.total() != b.total()) return a.total() < b.total();
    const auto ticket = [](const Account& account) {
        return account.line.empty() ? ~Ticket{} : account.line.front().ticket;
    };
    return ticket(a) < ticket(b);
}

}  // namespace

void Ledger::Books::stir(Account& account) {
    if (!account.restless.is_linked()) restless.push_back(account);
}

void Ledger::Books::settle(Instant now) {
    bury();
    if (!restless.empty()) arrange(now);
}

/// How many launches the breaker lets through now.
int Ledger::Books::allowed(const Account& account, Instant now) const {
    if (!account.breaker.open) return std::numeric_limits<int>::max();
    if (now < account.breaker.retry_at) return 0;
    return account.launching() > 0 ? 0 : 1;
}

/// Launches that who waits needs. Where warm instances work the line off, only if that would take longer than a start does, or has.
int Ledger::Books::wanted_cold(const Account& account, Instant now) const {
    const int uncovered = account.waiting() - account.launching() * account.per_launch;
    if (uncovered <= 0) return 0;
    const int room = account.max - account.serving();
    const int need = std::min(room, (uncovered + account.per_launch - 1) / account.per_launch);
    const bool measured = account.service > Duration::zero() && account.start > Duration::zero();
    if (need <= 0 || !account.reuse || account.ready() == 0 || !measured) return std::max(0, need);
    const auto places = static_cast<double>(account.ready()) * account.concurrency;
    const double outlasts = uncovered * static_cast<double>(account.service.count()) / places;
    const bool waited = now - account.line.front().since >= account.start;
    return waited || outlasts > static_cast<double>(account.start.count()) ? need : 0;
}

/// Launches for `standby`, `min` or a predicted arrival.
int Ledger::Books::wanted_ahead(const Account& account) const {
    if (!account.kept) return 0;
    const int room = account.max - account.serving();
    if (account.reuse) return std::min(room, std::max(account.least, account.prewarm ? 1 : 0) - account.serving());
    const int coming = account.launching() - std::min(account.launching(), account.waiting());
    return std::min(room, account.standby - account.in(State::idle)-account.in(State::paused)-coming);
}

Urgency Ledger::Books::urgency(const Account& account, Instant now) const {
    if (account.current == nullptr || allowed(account, now) <= 0) return Urgency::none;
    // Instances that still finish what is in them count for no `max`, but not without end.
    if (account.total() > 2 * account.max) return Urgency::none;
    if (totals.memory > 0 && account.memory > totals.memory) return Urgency::none;
    if (wanted_cold(account, now) > 0) return Urgency::cold;
    const auto fresh = account.serving() - account.stale;
    if (account.taking_over && !draining && fresh == 0 && account.serving() <= account.max) return Urgency::takeover;
    if (wanted_ahead(account) > 0) return account.reuse ? Urgency::ahead : Urgency::standby;
    return Urgency::none;
}

bool Ledger::Books::fits(const Account& account) const {
    return instances < totals.instances && (totals.memory == 0 || memory + account.memory <= totals.memory);
}

/// Launches what is wanted most, while the bounds have room or somebody's idle instance makes some.
void Ledger::Books::arrange(Instant now) {
    needy = nullptr;
    starved = 0;
    for (auto at = restless.begin(); at != restless.end();) {
        auto& account = *at;
        due = std::min(due, due_of(account, now));
        const bool calm = urgency(account, now) == Urgency::none;
        at = calm ? restless.erase(at) : std::next(at);
    }
    std::array<const Account*, most_tries> tried{};
    while (launching < totals.launches && !restless.empty()) {
        Account* best = nullptr;
        Account* fitting = nullptr;
        auto best_urgency = Urgency::none, fitting_urgency = Urgency::none;
        for (auto& account : restless) {
            if (std::find(tried.begin(), tried.end(), &account) != tried.end()) continue;
            const auto wish = urgency(account, now);
            if (wish == Urgency::none) continue;
            const auto better = [&](const Account* other, Urgency than) {
                return other == nullptr || wish < than || (wish == than && before(account, *other));
            };
            if (better(best, best_urgency)) best = &account, best_urgency = wish;
            if (fits(account) && better(fitting, fitting_urgency)) fitting = &account, fitting_urgency = wish;
        }
        if (best == nullptr) break;
        if (best != fitting) {
            const bool urgent = best_urgency <= Urgency::takeover && starved < most_tries;
            if (urgent && !make_room(*best, best_urgency, now)) {
                if (needy == nullptr) needy = best;
                tried[static_cast<std::size_t>(starved++)] = best;
                continue;
            }
            if (!urgent) best = fitting;
            if (best == nullptr) break;
        }
        launch(*best, now);
    }
    if (starved > 0) due = std::min(due, now + tuning.patience / 4);
}

/// Whether an idle instance may go for `needer`: from the one who holds more, or has let it idle for long; never what `min` keeps.
bool Ledger::Books::may_go(const Account& needer, Urgency urgency, const Entry& victim, Instant now) const {
    const auto& owner = *victim.account;
    // A function's own old instance goes for the new version where there is no room for both.
    if (&owner == &needer) return urgency == Urgency::takeover && victim.stale;
    if (owner.serving() - owner.taken <= owner.floor()) return false;
    return needer.total() < owner.total() - owner.taken || now - victim.rested >= tuning.recent;
}

bool Ledger::Books::make_room(Account& needer, Urgency urgency, Instant now) {
    std::array<Entry*, 64> victims;  // a limit: who needs more than 64 others' memory waits for leased ones to end
    std::size_t found = 0;
    Bytes freed = 0;
    const auto enough = [&] {
        const bool place = instances - static_cast<int>(found) < totals.instances;
        return place && (totals.memory == 0 || memory - freed + needer.memory <= totals.memory);
    };
    for (auto& entry : resting) {
        if (enough() || found == victims.size()) break;
        if (!may_go(needer, urgency, entry, now)) continue;
        ++entry.account->taken;
        freed += entry.memory;
        victims[found++] = &entry;
    }
    const bool made = enough();
    for (std::size_t i = 0; i < found; ++i) {
        victims[i]->account->taken = 0;
        if (made) drop(*victims[i], true, now);
    }
    return made;
}

/// Whether a busy instance finishes what is in it and goes, because another function has waited too long for a place.
bool Ledger::Books::yields(const Entry& entry, Instant now) const {
    if (needy == nullptr || pledged >= starved) return false;
    const auto& owner = *entry.account;
    if (needy == &owner) return entry.stale && owner.taking_over;
    if (needy->line.empty() || owner.serving() <= owner.floor()) return false;
    if (needy->total() + 2 <= owner.total()) return true;
    return needy->total() == 0 && now - needy->line.front().since >= tuning.patience;
}

/// What time alone does to a function.
void Ledger::Books::look(Account& account, Instant now) {
    expire(account, now);
    if (now >= account.prewarm_until) {
        account.prewarm = false;
        account.prewarm_at = account.prewarm_until = Instant::max();
    } else if (now >= account.prewarm_at) {
        account.prewarm_at = Instant::max();
        account.prewarm = account.kept && account.serving() == 0;
        if (!account.prewarm) account.prewarm_until = Instant::max();
    }
    const bool idle = account.total() == 0 && account.line.empty() && !account.deployed;
    if (idle && account.current != nullptr && now - account.touched >= tuning.forget_after) {
        account.current.reset();
        dying.push_back(&account);
    }
    stir(account);
}

/// Idle timeouts and pauses, longest at rest first.
void Ledger::Books::expire(Account& account, Instant now) {
    auto& idle = account.slots[static_cast<std::size_t>(State::idle)];
    auto& paused = account.slots[static_cast<std::size_t>(State::paused)];
    const auto over = [&](auto& list) { return !list.empty() && now - list.front().rested >= account.keep_for; };
    if (account.reuse) {
        while (over(paused) && account.serving() > account.floor()) drop(paused.front(), true, now);
        while (over(idle) && account.serving() > account.floor()) drop(idle.front(), true, now);
    }
    while (account.pauses && !idle.empty() && now - idle.front().rested >= tuning.pause_after) {
        orders.push_back({.what = Order::What::pause, .slot = idle.front().slot});
        move(idle.front(), State::paused, now);
    }
}

/// When something of this function is to be looked at again without anybody's call.
Instant Ledger::Books::due_of(const Account& account, Instant now) const {
    auto next = account.prewarm ? account.prewarm_until : account.prewarm_at;
    const auto& idle = account.slots[static_cast<std::size_t>(State::idle)];
    const auto& paused = account.slots[static_cast<std::size_t>(State::paused)];
    const bool spare = account.reuse && account.serving() > account.floor();
    if (!idle.empty() && account.pauses) next = std::min(next, idle.front().rested + tuning.pause_after);
    if (!idle.empty() && spare) next = std::min(next, idle.front().rested + account.keep_for);
    if (!paused.empty() && spare) next = std::min(next, paused.front().rested + account.keep_for);
    const bool wishes = !account.line.empty() || account.taking_over || account.kept;
    if (account.breaker.open && now < account.breaker.retry_at && wishes)
        next = std::min(next, account.breaker.retry_at);
    if (!account.line.empty()) {
        const auto recheck = account.line.front().since + account.start;
        if (recheck > now) next = std::min(next, recheck);
    }
    const bool empty = account.total() == 0 && account.line.empty();
    if (empty && !account.deployed && account.current != nullptr)
        next = std::min(next, account.touched + tuning.forget_after);
    return next;
}

}  // namespace shallop::pool
