// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/pool/ledger.h>

#include "support/results.h"

#include <algorithm>
#include <string>
#include <vector>

/// Functions, instants and orders, as the tests of the Ledger write them.
namespace shallop::tests {

using namespace std::chrono_literals;
using pool::Instant;

/// What a test says of a function; the rest has no part in the Ledger's decisions.
struct Wish {
    int min = 0;
    int max = 10;
    int concurrency = 1;
    bool reuse = true;
    int standby = 0;
    int queue = 100;
    int max_invocations = 0;
    base::Duration idle_timeout = 60s;
    std::string idle = "keep";
    std::string keep_alive = "fixed";
    base::Bytes memory = 1;
    std::int64_t version = 1;
};

inline function::FunctionPtr function_of(const std::string& name, const Wish& wish = {}) {
    auto made = std::make_shared<function::Function>();
    made->spec.name = name;
    made->spec.limits.memory = wish.memory;
    auto& scale = made->spec.scale;
    scale.min = wish.min;
    scale.max = wish.max;
    scale.concurrency = wish.concurrency;
    scale.reuse = wish.reuse;
    scale.standby = wish.standby;
    scale.queue = wish.queue;
    scale.max_invocations = wish.max_invocations;
    scale.idle_timeout = wish.idle_timeout;
    scale.idle = wish.idle;
    scale.keep_alive = wish.keep_alive;
    made->version = wish.version;
    return made;
}

/// A Ledger, its clock, and the orders since the last look.
struct Stage {
    explicit Stage(pool::Totals totals = {}, pool::Tuning tuning = {}) : ledger(totals, tuning) {}

    using What = pool::Order::What;

    std::vector<pool::Order> orders(What what) {
        auto more = ledger.take_orders();
        seen.insert(seen.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
        ledger.check();
        std::vector<pool::Order> found;
        const auto chosen = [&](const pool::Order& order) { return order.what == what; };
        std::copy_if(seen.begin(), seen.end(), std::back_inserter(found), chosen);
        seen.erase(std::remove_if(seen.begin(), seen.end(), chosen), seen.end());
        return found;
    }
    std::vector<pool::Slot> slots(What what) {
        std::vector<pool::Slot> found;
        for (const auto& order : orders(what)) found.push_back(order.slot);
        return found;
    }
    std::vector<pool::Slot> launches() { return slots(What::launch); }
    std::vector<pool::Slot> retired() { return slots(What::retire); }
    std::vector<pool::Slot> paused() { return slots(What::pause); }
    std::vector<pool::Ticket> served() {
        std::vector<pool::Ticket> found;
        for (const auto& order : orders(What::serve)) found.push_back(order.ticket);
        return found;
    }
    std::vector<pool::Order> refused() { return orders(What::refuse); }

    /// Asks, and must wait.
    pool::Ticket wait(const function::FunctionPtr& function) {
        const auto asked = ledger.ask(function, now);
        return asked && !asked->grant ? asked->ticket : 0;
    }
    /// Asks, and must be granted a place at once: 0 if not, and it does not wait.
    pool::Slot take(const function::FunctionPtr& function) {
        const auto asked = ledger.ask(function, now);
        if (asked && asked->grant) return asked->grant->slot;
        if (asked) ledger.leave(asked->ticket, now);
        return 0;
    }
    void give_back(pool::Slot slot, bool sound = true) { ledger.give_back(slot, sound, now); }
    void launched(pool::Slot slot) { ledger.launched(slot, now); }
    void fail(pool::Slot slot, base::Fault fault = base::Fault::launch_failed) {
        ledger.launch_failed(slot, base::Error(fault, "it did not start"), now);
    }
    /// Time passes, with a tick whenever one is due.
    void pass(base::Duration duration) {
        const auto until = now + duration;
        while (ledger.due() <= until) {
            now = std::max(now, ledger.due());
            if (ledger.tick(now) <= now) break;
        }
        now = until;
    }

    /// An instance that an event has started, and left idle; its start took 100 ms and the event 1 ms.
    pool::Slot warm(const function::FunctionPtr& function) {
        if (wait(function) == 0) return 0;
        auto started = launches();
        if (started.empty()) {
            pass(101ms);  // others are warm, and would have been waited for
            started = launches();
        }
        if (started.size() != 1) return 0;
        now += 100ms;
        launched(started[0]);
        if (served().size() != 1) return 0;
        now += 1ms;
        give_back(started[0]);
        return started[0];
    }

    pool::Ledger ledger;
    Instant now{1h};
    std::vector<pool::Order> seen;
};

}  // namespace shallop::tests
