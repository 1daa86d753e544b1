// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/base/memory.h>
#include <shallop/function/resource.h>
#include <shallop/pool/pool.h>

#include <algorithm>
#include <utility>

namespace shallop::pool {

using base::Error;
using base::Fault;

namespace {

constexpr auto least_pause = std::chrono::milliseconds(10);
constexpr auto look_again = std::chrono::milliseconds(250);  ///< returned instances do not wake run()
constexpr auto meter_pause = std::chrono::seconds(1);
constexpr auto meter_patience = std::chrono::seconds(1);
constexpr auto try_patience = std::chrono::seconds(60);
constexpr auto tried_waits = std::chrono::seconds(5);
constexpr std::size_t most_tried = 4;
constexpr auto launch_margin = std::chrono::milliseconds(100);

}  // namespace

Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      slot_(other.slot_),
      instance_(other.instance_),
      queued_(other.queued_),
      started_(other.started_),
      since_(other.since_),
      start_(other.start_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(slot_, other.slot_);
    std::swap(instance_, other.instance_);
    std::swap(queued_, other.queued_);
    std::swap(started_, other.started_);
    std::swap(since_, other.since_);
    std::swap(start_, other.start_);
    return *this;
}

Lease::~Lease() {
    if (pool_ != nullptr) pool_->give_back(slot_, instance_->driver().sound());
}

Pool::Pool(Totals totals, instance::Launcher& launcher, async::Clock& clock, base::Log& log, async::Executor executor)
    : launcher_(launcher),
      clock_(clock),
      log_(log),
      executor_(executor),
      ledger_(totals, Tuning()),
      changed_(executor),
      tasks_(executor, log) {}

Lease Pool::lease(Slot slot, Start start, bool wake) {
    auto& held = held_.at(slot);
    Lease lease;
    lease.pool_ = this;
    lease.slot_ = slot;
    lease.instance_ = held.instance.get();
    lease.start_ = start;
    if (wake) held.instance->wake();
    return lease;
}

void Pool::give_back(Slot slot, bool sound) {
    ledger_.give_back(slot, sound, clock_.now());
    if (ledger_.has_orders()) obey();
}

/// Orders may lead to others; they are taken one batch after the other, never from within one.
void Pool::obey() {
    if (obeying_) return;
    obeying_ = true;
    while (ledger_.has_orders()) {
        ledger_.take_orders(orders_);
        for (const auto& order : orders_) obey(order);
    }
    orders_.clear();
    obeying_ = false;
    if (ledger_.due() < next_look_) changed_.notify_all();
}

void Pool::obey(const Order& order) {
    switch (order.what) {
        case Order::What::launch: {
            held_[order.slot];
            changed_.notify_all();
            tasks_.spawn_cancellable("launch",
                                     [&](async::Canceller& self) { return launch(order.slot, order.function, self); });
            return;
        }
        case Order::What::serve:
        case Order::What::refuse: {
            const auto at = waiting_.find(order.ticket);
            base::ensure(at != waiting_.end(), "a ticket that waits has a turn");
            auto& turn = *at->second;
            if (order.what == Order::What::serve) {
                turn.slot_ = order.slot;
                turn.start_ = order.start;
                turn.wake_ = order.wake;
                turn.served_ = true;
            } else {
                turn.refused_ = order.error;
            }
            turn.changed_->notify_all();
            return;
        }
        case Order::What::retire: {
            const auto at = held_.find(order.slot);
            if (at == held_.end()) return;
            if (at->second.launch != nullptr) at->second.launch->cancel();
            held_.erase(at);
            return;
        }
        case Order::What::pause:
            held_.at(order.slot).instance->pause();
            return;
    }
}

/// The instance that has loaded this code on trial, or one that waits for code and is alike, else a new container.
Task<Result<std::unique_ptr<instance::Instance>>> Pool::make(Slot slot, function::FunctionPtr function,
                                                             async::Instant deadline) {
    std::function<void()> running = [this, slot] {
        ledger_.running(slot, clock_.now());
        obey();
    };
    if (auto tried = take_tried(*function)) {
        running();
        co_return tried;
    }
    if (auto generic = take_generic(*function)) {
        running();
        auto made = co_await launcher_.specialize(std::move(generic), function, deadline);
        // What the code itself is to blame for would go wrong in another container too.
        if (made || made.error().fault == Fault::function_failed || made.error().fault == Fault::timed_out)
            co_return made;
        log_.info("a waiting instance was of no use",
                  {{"function", function->spec.name}, {"detail", made.error().detail}});
    }
    co_return co_await launcher_.launch(function, deadline, std::move(running));
}

std::unique_ptr<instance::Instance> Pool::take_generic(const function::Function& function) {
    if (!function.spec.source || function::is_generic(function.spec)) return nullptr;
    const auto at = generics_.find(function.spec.source->runtime);
    if (at == generics_.end() || !function::same_container(function, *at->second.function)) return nullptr;
    auto& generic = at->second;
    generic.demand.asked(clock_.now());
    follow_demand(generic, clock_.now());
    const auto slot = ledger_.claim(generic.function->spec.name, clock_.now());
    if (slot == 0) {
        obey();
        return nullptr;
    }
    auto instance = std::move(held_.at(slot).instance);
    held_.erase(slot);
    obey();
    return instance->driver().sound() ? std::move(instance) : nullptr;
}

Task<Result<function::Announced>> Pool::try_code(function::FunctionPtr function) {
    // A program that is run for each event is loaded by nobody before.
    if (function->spec.contract.kind == function::ContractKind::cgi) co_return function::Announced();
    const auto deadline = clock_.now() + std::min<async::Duration>(function->spec.limits.timeout, try_patience);
    auto generic = take_generic(*function);
    auto trying = generic ? launcher_.specialize(std::move(generic), function, deadline)
                          : launcher_.launch(function, deadline, {});
    auto tried = co_await std::move(trying);
    if (!tried) co_return tried.error();
    auto announced = (*tried)->announced();
    if (wound_down_) co_return announced;
    if (tried_.size() == most_tried) tried_.erase(tried_.begin());
    tried_.push_back({std::move(function), std::move(*tried), clock_.now() + tried_waits});
    changed_.notify_all();  // run() is to forget it in time
    co_return announced;
}

std::unique_ptr<instance::Instance> Pool::take_tried(const function::Function& function) {
    const auto at = std::find_if(tried_.begin(), tried_.end(), [&](const Tried& tried) {
        if (tried.function->version != function.version || tried.function->image.id != function.image.id) return false;
        auto spec = tried.function->spec;
        // What the trial has told of the code is no other code.
        if (spec.source && function.spec.source) spec.source->kind = function.spec.source->kind;
        spec.routes = function.spec.routes;  // these may have come out of the trial
        return spec == function.spec;
    });
    if (at == tried_.end()) return nullptr;
    auto instance = std::move(at->instance);
    tried_.erase(at);
    const bool sound = instance->channel().is_open() && instance->driver().sound();
    return sound ? std::move(instance) : nullptr;
}

/// Returns when the next one is to go.
async::Instant Pool::forget_tried(async::Instant now) {
    std::erase_if(tried_, [now](const Tried& tried) { return tried.until <= now; });
    return tried_.empty() ? async::Instant::max() : tried_.front().until;
}

void Pool::provide(const function::FunctionPtr& generic, int most) {
    const int least = generic->spec.scale.standby;
    Generic made{generic, RuntimeDemand({least, most}), least};
    generics_.insert_or_assign(generic->spec.source->runtime, std::move(made));
    deploy(generic);
}

/// The orders that follow are left to the caller.
void Pool::follow_demand(Generic& generic, async::Instant now) {
    const int wanted = generic.demand.wanted(now);
    if (wanted == generic.kept) return;
    generic.kept = wanted;
    ledger_.keep_standby(generic.function->spec.name, wanted, now);
}

void Pool::withdraw_generic(const std::string& runtime) {
    const auto at = generics_.find(runtime);
    if (at == generics_.end()) return;
    const auto name = at->second.function->spec.name;
    generics_.erase(at);
    withdraw(name);
}

Task<void> Pool::launch(Slot slot, function::FunctionPtr function, async::Canceller& self) {
    const auto at = held_.find(slot);
    if (at == held_.end()) co_return;  // retired before this began
    at->second.launch = &self;
    struct Ended {
        Pool& pool;
        Slot slot;
        ~Ended() {
            const auto held = pool.held_.find(slot);
            if (held != pool.held_.end()) held->second.launch = nullptr;
        }
    } ended{*this, slot};

    const auto began = clock_.now();
    // A launch fails before those who wait for it lose patience: it knows what was wrong.
    const auto timeout = function->spec.limits.timeout;
    const auto deadline = began + timeout - std::min<async::Duration>(launch_margin, timeout / 10);
    // Whatever becomes of it, the ledger has to hear: a slot that is launching for ever would be a place lost.
    Result<std::unique_ptr<instance::Instance>> launched =
        Error(Fault::overloaded, "the daemon is short of memory", "waited");
    try {
        launched = co_await make(slot, function, deadline);
    } catch (const std::bad_alloc&) {
        base::tell_new_handler();
    }
    const auto held = held_.find(slot);
    if (held == held_.end()) co_return;
    if (!launched) {
        held_.erase(held);
        log_.warn("launch failed", {{"function", function->spec.name}, {"detail", launched.error().detail}});
        ledger_.launch_failed(slot, launched.error(), clock_.now());
        obey();
        co_return;
    }
    held->second.started = clock_.now() - began;
    take_in(slot, std::move(*launched));
    obey();
}

/// Tells the ledger when the instance dies by itself, and meters it meanwhile.
Task<void> Pool::watch(Slot slot, bool metered) {
    while (held_.contains(slot)) {
        auto& channel = held_.at(slot).instance->channel();
        if (!channel.is_open()) {
            ledger_.lost(slot, clock_.now());
            obey();
            co_return;
        }
        if (!metered) {
            co_await channel.closed();
            continue;
        }
        auto closed = channel.closed();
        auto timer = clock_.sleep_for(meter_pause);
        if (co_await async::race(std::move(closed), std::move(timer)) == 1) co_await meter(slot);
    }
}

/// A container that is short of CPU is slow to tell how much it has used; another time will do.
Task<void> Pool::meter(Slot slot) {
    const auto held = held_.find(slot);
    if (held == held_.end() || !on_cpu_) co_return;
    const auto seen = ledger_.find(slot);
    if (!seen || seen->state == State::paused) co_return;  // in a paused one nothing runs, and nothing is to
    const auto name = held->second.instance->function().spec.name;
    std::optional<Duration> used;
    auto asking = async::store_result(held->second.instance->cpu_since_last(), used);
    auto timer = clock_.sleep_for(meter_patience);
    co_await async::race(std::move(asking), std::move(timer));
    if (used && *used > Duration::zero()) on_cpu_(name, *used);
}

void Pool::deploy(const function::FunctionPtr& function) {
    // Where an older version serves, the instance that has loaded the new one takes over at once; else it waits for an event.
    const bool takes_over = ledger_.counts(function->spec.name).instances() > 0;
    auto tried = takes_over ? take_tried(*function) : nullptr;
    if (!tried) {
        ledger_.deploy(function, clock_.now());
        return obey();
    }
    if (const auto slot = ledger_.deploy_made(function, clock_.now()); slot != 0) take_in(slot, std::move(tried));
    obey();
}

/// The instance of a slot is ready.
void Pool::take_in(Slot slot, std::unique_ptr<instance::Instance> instance) {
    // A process that runs once for an event is metered by its own exit.
    const bool metered = instance->function().spec.contract.kind != function::ContractKind::cgi;
    held_[slot].instance = std::move(instance);
    tasks_.spawn("watch", watch(slot, metered));
    ledger_.launched(slot, clock_.now());
}

void Pool::withdraw(const std::string& function) {
    std::erase_if(tried_, [&](const Tried& tried) { return tried.function->spec.name == function; });
    ledger_.withdraw(function, clock_.now());
    obey();
}

std::vector<InstanceView> Pool::instances(const std::string& function) const {
    std::vector<InstanceView> views;
    for (const auto& one : ledger_.slots(function)) {
        const auto& held = held_.at(one.slot);
        InstanceView view;
        if (held.instance) {
            view.id = held.instance->id();
            view.container = held.instance->container();
        }
        view.state = one.state == State::idle && one.served == 0 ? std::string_view("standby") : name(one.state);
        view.version = one.function->version;
        view.events = one.events;
        view.served = one.served;
        view.since = one.made;
        views.push_back(std::move(view));
    }
    return views;
}

bool Pool::retire(const std::string& function, const std::string& instance) {
    for (const auto& one : ledger_.slots(function)) {
        const auto& held = held_.at(one.slot);
        if (!held.instance || held.instance->id() != instance) continue;
        ledger_.retire(one.slot, clock_.now());
        obey();
        return true;
    }
    return false;
}

void Pool::relieve(base::Bytes wanted) {
    const auto freed = ledger_.relieve(wanted, clock_.now());
    if (freed > 0) log_.warn("memory runs short: idle instances go", {{"bytes", freed}});
    obey();
}

Task<void> Pool::run() {
    while (true) {
        for (auto& [runtime, generic] : generics_) follow_demand(generic, clock_.now());
        auto next = ledger_.tick(clock_.now());
        obey();
        next = std::min(next, forget_tried(clock_.now()));
        if (!held_.empty()) next = std::min(next, clock_.now() + look_again);
        next_look_ =
            std::max(next, clock_.now() + least_pause);  // a tick walks all functions: not for each event that ends
        next = next_look_;
        auto changed = changed_.wait();
        auto timer = clock_.sleep_until(next);
        co_await async::race(std::move(changed), std::move(timer));
    }
}

void Pool::wind_down() {
    wound_down_ = true;
    tried_.clear();
    ledger_.drain(clock_.now());
    obey();
}

Task<void> Pool::drain(async::Instant deadline) {
    wind_down();
    auto joined = tasks_.join();
    auto timer = clock_.sleep_until(deadline);
    if (co_await async::race(std::move(joined), std::move(timer)) == 0) co_return;
    tasks_.cancel();
    co_await tasks_.join();
}

}  // namespace shallop::pool
