// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/pool/ledger.h>

#include <boost/intrusive/list.hpp>

#include <functional>
#include <limits>
#include <unordered_map>

/// What the Ledger keeps. One slot has one state and is in exactly one list by it; lists are threaded through the records, so that moving a
/// slot from one to another is a few stores and allocates nothing.
namespace shallop::pool {

using Hook = boost::intrusive::list_member_hook<>;
template <typename T, Hook T::* M>
using Chain = boost::intrusive::list<T, boost::intrusive::member_hook<T, Hook, M>>;

struct Account;

/// One instance. `account` is nullptr while the record is free.
struct Entry {
    Slot slot = 0;
    State state = State::launching;
    bool stale = false;    ///< of an older version than the account's, and serving until that one is ready
    bool runs = false;     ///< launching, but in flight no more
    bool pledged = false;  ///< retires so that another function gets its place
    Account* account = nullptr;
    function::FunctionPtr function;
    int concurrency = 1;
    int events = 0;
    std::uint64_t served = 0;
    std::uint64_t most = 0;  ///< events ever
    Bytes memory = 0;
    Instant made{}, since{}, rested{};
    Duration begun{};  ///< sum of (start - made) over the events in it: see Books::measure()
    Hook by_state;     ///< Account::slots[state]
    Hook open;         ///< Account::open, while it runs and has a free place
    Hook resting;      ///< Books::resting, while idle or paused

    bool has_place() const { return events < concurrency && served < most; }
};

struct Waiter {
    Ticket ticket = 0;  ///< 0: the record is free
    Account* account = nullptr;
    Instant since{};
    bool yields = false;  ///< to all that do not
    Hook line;
};

/// When launches fail: closed, open until `retry_at`, then one probe.
struct Breaker {
    bool open = false;
    int failures = 0;  ///< in a row
    Duration back_off{};
    Instant opened_at{}, retry_at{};
    base::Error last{};
};

/// One function: its current version, its slots, who waits for them.
struct Account {
    ~Account();

    int in(State state) const { return static_cast<int>(slots[static_cast<std::size_t>(state)].size()); }
    int launching() const { return in(State::launching); }
    int ready() const { return in(State::idle) + in(State::leased) + in(State::paused); }
    int serving() const { return launching() + ready(); }
    int total() const { return serving() + in(State::retiring); }
    int waiting() const { return static_cast<int>(line.size()); }
    /// Whether who waits may be served though nothing new is launched.
    bool has_hope() const { return reuse ? serving() > 0 : launching() > 0; }
    /// Instances that stay however long they idle.
    int floor() const { return kept ? least : 0; }

    std::string name;
    function::FunctionPtr current;  ///< nullptr once withdrawn
    bool deployed = false;          ///< else only asked for: nothing is started ahead
    bool taking_over = false;       ///< `current` has no instance yet, the stale ones serve
    bool kept = false;              ///< deployed, and nobody drains
    bool plain = false;             ///< give_back() has nothing to decide here: the short way
    int stale = 0;                  ///< such slots, launching to paused

    // From `current`.
    bool reuse = false, pauses = false, learns = false;
    int max = 1, concurrency = 1, queue = 0;
    int least = 0;       ///< `min`, of functions that reuse
    int standby = 0;     ///< of those that do not
    int per_launch = 1;  ///< events that a new instance can take
    std::uint64_t most = 0;
    Bytes memory = 0;
    Duration rest_for{};  ///< the first thing happens to an instance after idling so long

    std::array<Chain<Entry, &Entry::by_state>, states> slots;  ///< idle and paused ones: longest at rest first
    Chain<Entry, &Entry::open> open;                           ///< most recently used first
    Chain<Waiter, &Waiter::line> line;  ///< longest waiting first, those that yield after the others
    Hook restless;                      ///< Books::restless, while it may want a launch

    Breaker breaker;
    Duration service{}, start{};  ///< moving averages; 0 = not measured

    std::unique_ptr<KeepAlive> policy;
    bool at_rest = false;  ///< the policy was told so
    Duration keep_for{};   ///< idle timeout in force
    bool prewarm = false;  ///< one is to be started for the predicted arrival
    Instant prewarm_at = Instant::max(), prewarm_until = Instant::max();

    Instant touched{};
    int taken = 0;  ///< scratch of make_room()
    Bytes memory_held = 0;
    int events = 0;
    std::array<std::uint64_t, 3> started{};
    std::uint64_t launches = 0, launch_failures = 0, refused = 0;
};

struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};

/// How urgent a launch is; the smaller, the sooner.
enum class Urgency { cold, takeover, standby, ahead, none };

struct Ledger::Books {
    Books(Totals totals, Tuning tuning, KeepAliveFactory keep_alive, std::vector<Order>& orders);
    ~Books();

    // Finding (ledger_slots.cpp).
    Account* account(std::string_view name) const;
    Account& open_account(std::string_view name, Instant now);
    Entry* entry(Slot slot);  ///< nullptr: not known (any more)
    Entry& held(Slot slot);   ///< one with events in it
    Waiter* waiter(Ticket ticket);

    // Moves of one slot. Who calls them calls settle() at the end.
    Entry& launch(Account& account, Instant now);
    void move(Entry& entry, State to, Instant now);
    void rest(Entry& entry, Instant now);
    void ready(Entry& entry, Instant now);
    Grant occupy(Entry& entry, Start start, Instant now);
    void doom(Entry& entry, Instant now);  ///< takes nothing any more; dropped if nobody is in it
    void drop(Entry& entry, bool tell, Instant now);
    void measure(Entry& entry, Instant now);

    // The line of one function (ledger_slots.cpp).
    Asked wait(Account& account, Instant now, bool yields);
    void step_out(Waiter& waiter);
    void serve_line(Account& account, Start start, Instant now);
    void refuse(Account& account, int count, const base::Error& error);
    Entry* best_place(Account& account);
    int most_waiting(const Account& account) const;

    // One function (ledger_account.cpp).
    void adopt(Account& account, const function::FunctionPtr& function, Instant now);
    void retire_where(Account& account, bool (*chosen)(const Entry&), Instant now);
    void retire_stale(Account& account, Instant now);
    void refresh(Account& account);
    void trim(Account& account, Instant now);  ///< lets go what nobody needs: surplus launches, standbys, timeouts of 0
    void went_to_rest(Account& account, Instant now);
    void woke(Account& account, Instant now);
    void failed(Account& account, bool stale, Instant made, const base::Error& error, Instant now);
    bool refuses(const Account& account, Instant now) const;
    base::Error explain(const Account& account, Instant now) const;
    void bury();

    // All functions together (ledger_arrange.cpp).
    void stir(Account& account);
    void settle(Instant now);  ///< after each change: launches, evictions, due(), accounts that are no more
    void arrange(Instant now);
    int allowed(const Account& account, Instant now) const;
    int wanted_cold(const Account& account, Instant now) const;
    int wanted_ahead(const Account& account) const;
    Urgency urgency(const Account& account, Instant now) const;
    bool fits(const Account& account) const;
    bool make_room(Account& needer, Urgency urgency, Instant now);
    bool may_go(const Account& needer, Urgency urgency, const Entry& victim, Instant now) const;
    bool yields(const Entry& entry, Instant now) const;
    void look(Account& account, Instant now);
    void expire(Account& account, Instant now);
    Instant due_of(const Account& account, Instant now) const;

    void check() const;
    void check(const Account& account) const;
    void check(const Entry& entry) const;

    Totals totals;
    Tuning tuning;
    KeepAliveFactory keep_alive;
    std::vector<Order>& orders;

    std::vector<Entry> entries;  ///< never grows beyond what was reserved: links stay valid
    std::vector<std::uint32_t> free_entries;
    std::vector<Waiter> waiters;  ///< in chunks reserved ahead, likewise
    std::vector<std::uint32_t> free_waiters;
    std::uint64_t last_ticket = 0;
    std::unordered_map<std::string, std::unique_ptr<Account>, NameHash, std::equal_to<>> accounts;

    Chain<Entry, &Entry::resting> resting;  ///< idle and paused, longest at rest first
    Chain<Account, &Account::restless> restless;
    std::vector<Account*> dying;
    Account* needy = nullptr;  ///< the first of those for which there is no room
    int starved = 0;           ///< how many those are, as far as was looked
    int pledged = 0;
    int instances = 0, launching = 0, waiting = 0, events = 0;
    Bytes memory = 0;
    bool draining = false;
    Instant due = Instant::max();
};

}  // namespace shallop::pool
