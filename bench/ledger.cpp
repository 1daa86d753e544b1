// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/ledger.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

// What the ledger costs on the warm path: a granted ask() and the give_back() of it, as a pair, in nanoseconds.

using namespace shallop;

namespace {

function::FunctionPtr function_of(const std::string& name, int concurrency) {
    auto made = std::make_shared<function::Function>();
    made->spec.name = name;
    made->spec.scale.reuse = true;
    made->spec.scale.concurrency = concurrency;
    return made;
}

/// Nanoseconds for one pair, the best of several rounds, over `functions` functions in turn with `held` events held in each.
double pair_cost(int functions, int held) {
    using clock = std::chrono::steady_clock;
    pool::Ledger ledger({.instances = 10'000, .launches = 10'000, .waiting = 10'000, .memory = 0});
    pool::Instant now{std::chrono::hours(1)};
    std::vector<function::FunctionPtr> all;
    for (int i = 0; i < functions; ++i) {
        all.push_back(function_of("function-" + std::to_string(i), held + 1));
        for (int j = 0; j <= held; ++j) (void)ledger.ask(all.back(), now);
    }
    for (const auto& order : ledger.take_orders()) ledger.launched(order.slot, now += std::chrono::milliseconds(1));
    for (const auto& order : ledger.take_orders()) {
        if (order.what == pool::Order::What::serve && ledger.find(order.slot)->events > held)
            ledger.give_back(order.slot, true, now);
    }
    constexpr int pairs = 1'000'000;
    double best = 1e9;
    for (int round = 0; round < 7; ++round) {
        const auto begin = clock::now();
        for (int i = 0; i < pairs; ++i) {
            now += std::chrono::microseconds(1);
            const auto asked = ledger.ask(all[static_cast<std::size_t>(i % functions)], now);
            ledger.give_back(asked->grant->slot, true, now);
        }
        const std::chrono::duration<double, std::nano> took = clock::now() - begin;
        best = std::min(best, took.count() / pairs);
    }
    return best;
}

}  // namespace

int main() {
    for (const int functions : {1, 100, 1000}) {
        for (const int held : {0, 7}) {
            std::printf("%5d functions, %d events held in each: %6.1f ns for ask and give_back\n", functions, held,
                        pair_cost(functions, held));
        }
    }
    return 0;
}
