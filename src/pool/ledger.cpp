// SPDX-License-Identifier: Apache-2.0
#include <shallop/pool/ledger.h>

#include <algorithm>

namespace shallop::pool {

base::Result<Ledger::Answer> Ledger::ask(const std::string& function, Bounds bounds) {
    auto& account = accounts_[function];
    account.bounds = bounds;  // a changed function's bounds count from its next event on
    const bool room = granted_in_all_ < in_all_ && account.granted < bounds.max && account.line.empty();
    if (!room && static_cast<int>(account.line.size()) >= bounds.queue) {
        if (account.granted == 0 && account.line.empty()) accounts_.erase(function);
        return base::Error(base::Fault::overloaded, "function '" + function + "' has " + std::to_string(bounds.queue) +
                                                        " events waiting, its scale.queue");
    }
    const Ticket ticket = ++last_;
    tickets_[ticket] = {function, room};
    if (room) {
        ++account.granted;
        ++granted_in_all_;
    } else {
        account.line.push_back(ticket);
        ++waiting_in_all_;
    }
    return Answer{ticket, room};
}

std::vector<Ticket> Ledger::leave(Ticket ticket) {
    const auto at = tickets_.find(ticket);
    base::ensure(at != tickets_.end(), "a ticket leaves once");
    const Entry entry = at->second;
    tickets_.erase(at);
    auto& account = accounts_.at(entry.function);
    if (entry.granted) {
        --account.granted;
        --granted_in_all_;
    } else {
        account.line.erase(std::find(account.line.begin(), account.line.end(), ticket));
        --waiting_in_all_;
    }
    if (account.granted == 0 && account.line.empty()) accounts_.erase(entry.function);
    std::vector<Ticket> admitted;
    while (const auto next = grant_next()) admitted.push_back(*next);
    return admitted;
}

std::optional<Ticket> Ledger::grant_next() {
    if (granted_in_all_ >= in_all_ || waiting_in_all_ == 0) return std::nullopt;
    Account* best = nullptr;
    for (auto& [name, account] : accounts_) {
        if (account.line.empty() || account.granted >= account.bounds.max) continue;
        const bool fewer = best == nullptr || account.granted < best->granted;
        const bool older =
            best != nullptr && account.granted == best->granted && account.line.front() < best->line.front();
        if (fewer || older) best = &account;
    }
    if (best == nullptr) return std::nullopt;
    const Ticket ticket = best->line.front();
    best->line.pop_front();
    --waiting_in_all_;
    ++best->granted;
    ++granted_in_all_;
    tickets_.at(ticket).granted = true;
    return ticket;
}

int Ledger::granted(const std::string& function) const {
    const auto at = accounts_.find(function);
    return at == accounts_.end() ? 0 : at->second.granted;
}

int Ledger::waiting(const std::string& function) const {
    const auto at = accounts_.find(function);
    return at == accounts_.end() ? 0 : static_cast<int>(at->second.line.size());
}

}  // namespace shallop::pool
