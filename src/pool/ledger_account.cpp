// SPDX-License-Identifier: Apache-2.0
#include "pool/ledger_books.h"

#include <algorithm>

namespace shallop::pool {

using base::Error;
using base::Fault;

namespace {

constexpr auto no_bound = std::numeric_limits<std::uint64_t>::max();

/// The bounds of `account` as its current version states them.
void flatten(Account& account) {
    const auto& scale = account.current->spec.scale;
    account.reuse = scale.reuse;
    account.pauses = scale.idle == "pause";
    account.max = std::max(1, scale.max);
    account.concurrency = scale.reuse ? std::max(1, scale.concurrency) : 1;
    account.queue = std::max(0, scale.queue);
    account.least = scale.reuse ? std::clamp(scale.min, 0, account.max) : 0;
    account.standby = scale.reuse ? 0 : std::clamp(scale.standby, 0, account.max);
    account.most = !scale.reuse                ? 1
                   : scale.max_invocations > 0 ? static_cast<std::uint64_t>(scale.max_invocations)
                                               : no_bound;
    account.per_launch = static_cast<int>(std::min<std::uint64_t>(account.concurrency, account.most));
    account.memory = account.current->spec.limits.memory;
}

std::int64_t whole_seconds(Duration duration) {
    return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count());
}

/// Of these no function can cure the engine, and none is to wait long once it is well again. A container that was not there in time is one: its
/// server would have been a start_timeout.
bool engines_fault(Fault fault) {
    return fault == Fault::engine_down || fault == Fault::engine_refused || fault == Fault::timed_out;
}

}  // namespace

/// Makes `function` the current version. Old instances of a function that reuses them serve on until the new version's first launch has an
/// outcome; a fresh one for each event is of the new version from now on.
void Ledger::Books::adopt(Account& account, const function::FunctionPtr& function, Instant now) {
    const auto before = account.current;
    account.current = function;
    flatten(account);
    const auto& scale = function->spec.scale;
    const bool same_policy = before != nullptr && account.policy != nullptr &&
                             before->spec.scale.keep_alive == scale.keep_alive &&
                             before->spec.scale.idle_timeout == scale.idle_timeout;
    if (!same_policy) {
        account.policy = keep_alive(scale);
        account.learns = account.policy->learns();
        account.keep_for = account.policy->windows().keep_for;
        account.prewarm = account.at_rest = false;
        account.prewarm_at = account.prewarm_until = Instant::max();
    }
    account.breaker = {};
    for (std::size_t state = 0; state + 1 < states; ++state) {
        for (auto& entry : account.slots[state]) entry.stale = true;
    }
    account.stale = account.serving();
    account.taking_over = account.stale > 0;
    refresh(account);
    if (!account.reuse || draining) retire_stale(account, now);
    if (totals.memory > 0 && account.memory > totals.memory) refuse(account, account.waiting(), explain(account, now));
    trim(account, now);
    stir(account);
}

/// Of those that serve.
void Ledger::Books::retire_where(Account& account, bool (*chosen)(const Entry&), Instant now) {
    for (std::size_t state = 0; state + 1 < states; ++state) {
        auto& list = account.slots[state];
        for (auto at = list.begin(); at != list.end();) {
            auto& entry = *at++;
            if (chosen(entry)) doom(entry, now);
        }
    }
}

void Ledger::Books::retire_stale(Account& account, Instant now) {
    retire_where(account, [](const Entry& entry) { return entry.stale; }, now);
    account.taking_over = false;
    stir(account);
}

/// What follows from other members. `plain` functions need no thought when an event ends.
void Ledger::Books::refresh(Account& account) {
    account.kept = account.deployed && !draining && account.current != nullptr;
    account.plain = account.current != nullptr && account.reuse && !account.learns &&
                    account.keep_for > Duration::zero() && !draining;
    account.rest_for = account.pauses ? std::min(tuning.pause_after, account.keep_for) : account.keep_for;
}

void Ledger::Books::trim(Account& account, Instant now) {
    auto& launches = account.slots[static_cast<std::size_t>(State::launching)];
    auto& idle = account.slots[static_cast<std::size_t>(State::idle)];
    auto& paused = account.slots[static_cast<std::size_t>(State::paused)];
    if (!account.reuse || draining) {
        const auto ahead = account.reuse || !account.kept ? 0 : account.standby;
        const auto needed = [&] { return (account.waiting() + account.per_launch - 1) / account.per_launch; };
        const auto spare = [&] {
            return account.launching() + account.in(State::idle) + account.in(State::paused)-ahead;
        };
        while (spare() > needed() && !launches.empty()) drop(launches.back(), true, now);
        while (spare() > needed() && !paused.empty()) drop(paused.front(), true, now);
        while (spare() > needed() && !idle.empty()) drop(idle.front(), true, now);
        return;
    }
    if (account.keep_for > Duration::zero() || account.prewarm) return;
    while (!idle.empty() && account.serving() > account.floor()) drop(idle.front(), true, now);
}

/// Nothing of it runs any more: the policy says how long what is idle stays.
void Ledger::Books::went_to_rest(Account& account, Instant now) {
    if (!account.learns || account.events > 0 || account.at_rest) return;
    account.at_rest = true;
    account.policy->rest(now);
    const auto windows = account.policy->windows();
    account.keep_for = windows.keep_for;
    refresh(account);
    due = std::min(due, now + account.rest_for);
    // A pause shorter than a start saves nothing.
    if (windows.prewarm_after <= 2 * account.start || draining || account.current == nullptr) return;
    account.prewarm_at = now + windows.prewarm_after;
    account.prewarm_until = account.prewarm_at + windows.keep_for;
    due = std::min(due, account.prewarm_at);
    for (const auto state : {State::paused, State::idle}) {
        auto& list = account.slots[static_cast<std::size_t>(state)];
        while (!list.empty() && account.serving() > account.floor()) drop(list.front(), true, now);
    }
}

void Ledger::Books::woke(Account& account, Instant now) {
    if (!account.at_rest) return;
    account.at_rest = account.prewarm = false;
    account.prewarm_at = account.prewarm_until = Instant::max();
    account.policy->arrival(now);
}

/// A launch has failed, and its entry is gone: who cannot be served any more is refused, and too many in a row open the breaker.
void Ledger::Books::failed(Account& account, bool stale, Instant made, const Error& error, Instant now) {
    auto& breaker = account.breaker;
    ++account.launch_failures;
    if (!stale) {
        breaker.last = error;
        ++breaker.failures;
        account.prewarm = false;
        const bool at_once = error.fault == Fault::engine_down;
        const bool probe = breaker.open && made > breaker.opened_at;
        if (probe || (!breaker.open && (at_once || breaker.failures >= tuning.failures_to_open))) {
            const auto most = engines_fault(error.fault) ? tuning.engine_back_off_most : tuning.back_off_most;
            breaker.back_off = probe ? std::min(breaker.back_off * 2, most) : tuning.back_off_first;
            breaker.open = true;
            breaker.opened_at = now;
            breaker.retry_at = now + breaker.back_off;
        }
        // Old instances that serve are worth more than a new one while the engine is away.
        if (account.taking_over && !at_once) retire_stale(account, now);
    }
    if (account.reuse && account.has_hope()) return;
    const int uncovered = account.waiting() - account.launching() * account.per_launch;
    if (uncovered > 0) refuse(account, breaker.open ? uncovered : std::min(uncovered, account.per_launch), error);
}

bool Ledger::Books::refuses(const Account& account, Instant now) const {
    if (totals.memory > 0 && account.memory > totals.memory) return true;
    return account.breaker.open && now < account.breaker.retry_at && !account.has_hope();
}

Error Ledger::Books::explain(const Account& account, Instant now) const {
    if (totals.memory > 0 && account.memory > totals.memory) {
        return {Fault::overloaded, "function '" + account.name + "' needs " + base::format_bytes(account.memory) +
                                       " of memory for an instance, and all instances together may have " +
                                       base::format_bytes(totals.memory)};
    }
    auto error = account.breaker.last;
    error.detail += "; trying again in " + std::to_string(whole_seconds(account.breaker.retry_at - now)) + " s";
    return error;
}

/// Accounts of withdrawn functions go when nothing of them is left.
void Ledger::Books::bury() {
    if (dying.empty()) return;
    std::sort(dying.begin(), dying.end());
    dying.erase(std::unique(dying.begin(), dying.end()), dying.end());
    for (auto* account : dying) {
        if (account->current != nullptr || account->total() > 0 || !account->line.empty()) continue;
        if (account->restless.is_linked()) restless.erase(restless.iterator_to(*account));
        if (needy == account) needy = nullptr;
        accounts.erase(accounts.find(account->name));
    }
    dying.clear();
}

}  // namespace shallop::pool
