// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/base/result.h>
#include <shallop/function/spec.h>
#include <shallop/pool/keep_alive.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::pool {

using base::Bytes;

/// One who waits; counts up, never reused, never 0.
using Ticket = std::uint64_t;

/// One instance, from the decision to launch it until it is gone; never reused, never 0.
using Slot = std::uint64_t;

/// Where a slot is. `retiring`: events are still in it, none comes in, it goes with the last.
enum class State { launching, idle, leased, paused, retiring };
inline constexpr int states = 5;
std::string_view name(State state);

/// What an event found: an instance that had served before, one started ahead of it, or none.
enum class Start { warm, standby, cold };
std::string_view name(Start start);

/// Bounds over all functions together.
struct Totals {
    int instances = 64;    ///< slots, whatever their state; at most 1,000,000
    int launches = 6;      ///< in flight, until running()
    int waiting = 10'000;  ///< tickets; at most 1,000,000
    Bytes memory = 0;      ///< sum of limits.memory of all slots; 0 = no bound
};

struct Tuning {
    Duration pause_after = std::chrono::seconds(1);
    Duration back_off_first = std::chrono::milliseconds(200);
    Duration back_off_most = std::chrono::seconds(30);
    Duration engine_back_off_most = std::chrono::seconds(1);  ///< where the engine is to blame, and not the function
    int failures_to_open = 3;  ///< launches failed in a row; engine_down opens at the first
    Duration recent = std::chrono::seconds(
        10);  ///< what has idled longer may go for any function in need, else only for one with fewer
    Duration patience = std::chrono::milliseconds(
        500);  ///< a function without any instance waits so long before a busy one's place goes to it
    Duration forget_after = std::chrono::minutes(10);  ///< of a function that was asked for and never deployed
};

/// What the pool must do now. Orders of one call are in the order in which they are to be done.
struct Order {
    enum class What {
        launch,  ///< start an instance of `function` for `slot`; answer with launched() or launch_failed()
        serve,   ///< `ticket` waits no more: it holds a place in `slot`, to be given back
        refuse,  ///< `ticket` waits no more: it gets `error`
        retire,  ///< remove the instance of `slot`, or cancel its launch; nobody is in it, and the ledger has forgotten it
        pause,  ///< stop the processes of `slot`
    };
    What what = What::launch;
    Slot slot = 0;
    Ticket ticket = 0;
    Start start = Start::warm;  ///< serve
    bool wake = false;          ///< serve: `slot` is paused, continue it first
    function::FunctionPtr function{};
    base::Error error{};
};

/// Which instances there are, which event may have which, who waits, and what is launched or retired: pure decisions, no I/O, no clock of
/// its own. The pool does what take_orders() says after each call, and calls tick() when due() has come.
///
/// Belongs to one loop. Instants given to it never go back. ask() that grants at once and give_back() of an instance that stays allocate
/// nothing, order nothing and cost the same however many functions and instances there are.
class Ledger {
public:
    explicit Ledger(Totals totals = {}, Tuning tuning = {}, KeepAliveFactory keep_alive = make_keep_alive);
    Ledger(Ledger&&) = delete;
    ~Ledger();

    /// A place in an instance that is ready. It is held until give_back().
    struct Grant {
        Slot slot = 0;
        Start start = Start::warm;  ///< never cold
        bool wake = false;          ///< it is paused: continue it first
    };
    struct Asked {
        std::optional<Grant> grant;
        Ticket ticket = 0;  ///< without a grant: waits under this
    };

    /// Asks for a place. A newer version than the known one becomes the current one, an older one counts as it.
    /// Faults: overloaded (a queue is full, or it needs more memory than there is in all); the fault of the last launch while no launch is
    /// tried ("…; trying again in N s") and no instance could serve; shutting_down.
    /// One that `yields` waits behind all that do not, whenever they come.
    base::Result<Asked> ask(const function::FunctionPtr& function, Instant now, bool yields = false);

    /// A waiting ticket gives up. False: it did not wait (any more): an order has served or refused it.
    bool leave(Ticket ticket, Instant now);

    /// An event has ended. Not `sound`: nothing else may be given to that instance.
    void give_back(Slot slot, bool sound, Instant now);

    /// Takes an instance of `function` that waits for its first event out of the books, without an order: it becomes another slot's, whose
    /// launch needs no new container. 0: none waits.
    Slot claim(std::string_view function, Instant now);

    /// From now on so many instances of `function` are started ahead, whatever its scale.standby says; a newer version begins with its own. Does
    /// nothing where it is not known.
    void keep_standby(std::string_view function, int standby, Instant now);

    // What became of an instance. A slot that is not known (any more) is passed over: a retire order was on its way.
    /// Its container runs, and only its server is not ready yet: it counts no more among the launches in flight, so that a slow server
    /// keeps no other function from starting.
    void running(Slot slot, Instant now);
    void launched(Slot slot, Instant now);
    void launch_failed(Slot slot, const base::Error& error, Instant now);
    void lost(Slot slot,
              Instant now);  ///< its container died: gone at once (with a retire order), or with the last event in it
    void retire(
        Slot slot,
        Instant now);  ///< an operator wants it gone: it finishes what is in it; launching, idle, paused: at once

    /// A function is there, or has a new version: keeps `min` or `standby` from now on. The same or an older version changes nothing.
    void deploy(const function::FunctionPtr& function, Instant now);

    /// As deploy(), where there is an instance of this version that no launch has made: it gets a slot without one, to be told launched(). 0: the bounds
    /// have no room for it, or it is not the newest version.
    Slot deploy_made(const function::FunctionPtr& function, Instant now);

    /// A function is no more: who waits gets not_found, its instances go.
    void withdraw(std::string_view function, Instant now);

    /// Refuses what is asked from now on, starts nothing ahead, lets instances go as soon as nobody waits for them.
    void drain(Instant now);

    /// Lets the least valuable idle instances beyond `min` go until their limits.memory amount to `wanted`; returns what they do.
    Bytes relieve(Bytes wanted, Instant now);

    /// Idle timeouts, pauses, starts ahead, retries. Returns due().
    Instant tick(Instant now);

    /// When tick() is to be called next; Instant::max() = not needed. Any call may bring it nearer: compare after each.
    Instant due() const;

    bool has_orders() const { return !orders_.empty(); }
    /// What to do now, oldest first; `into` loses what it held and lends its memory to the next orders.
    void take_orders(std::vector<Order>& into);
    std::vector<Order> take_orders();

    // For metrics and the API.
    struct Counts {
        std::array<int, states> slots{};  ///< by State
        int events = 0;                   ///< that hold a place
        int waiting = 0;
        std::array<std::uint64_t, 3> started{};  ///< events served, by Start
        std::uint64_t launches = 0, launch_failures = 0, refused = 0;
        Bytes memory = 0;  ///< sum of limits.memory

        int instances() const;
        int in(State state) const { return slots[static_cast<std::size_t>(state)]; }
        std::uint64_t of(Start start) const { return started[static_cast<std::size_t>(start)]; }
    };
    struct SlotView {
        Slot slot = 0;
        State state = State::launching;
        function::FunctionPtr function;  ///< of the version it runs
        int events = 0;
        std::uint64_t served = 0;  ///< events ever given to it
        Instant made{};
        Instant since{};  ///< in that state
    };
    Counts counts() const;
    Counts counts(std::string_view function) const;  ///< all 0 for one that is not known
    std::vector<std::string> functions() const;
    std::vector<SlotView> slots(std::string_view function) const;
    std::optional<SlotView> find(Slot slot) const;

    /// How long until a launch of this function is tried again; 0 = it would be now.
    Duration retry_after(std::string_view function, Instant now) const;

    /// Every invariant, by a walk over everything: stops the process where one is broken. For tests.
    void check() const;

private:
    struct Books;
    std::vector<Order> orders_;
    std::unique_ptr<Books> books_;
};

}  // namespace shallop::pool
