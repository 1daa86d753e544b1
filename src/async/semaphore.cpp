// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>
#include <shallop/async/semaphore.h>

namespace shallop::async {

/// A place in the line. Leaves it when its coroutine is unwound; a permit granted and not taken goes to the next.
struct Semaphore::Waiter {
    explicit Waiter(Semaphore& s) : of(s), turn(s.executor_) { at = s.line_.insert(s.line_.end(), this); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() {
        if (!granted) {
            of.line_.erase(at);
        } else if (!taken) {
            of.give_back();
        }
    }

    Semaphore& of;
    Condition turn;
    std::list<Waiter*>::iterator at;
    bool granted = false;
    bool taken = false;
};

Task<Semaphore::Permit> Semaphore::acquire() {
    if (free_ > 0) {
        --free_;
        co_return Permit(*this);
    }
    Waiter waiter(*this);
    while (!waiter.granted) co_await waiter.turn.wait();
    waiter.taken = true;
    co_return Permit(*this);
}

void Semaphore::give_back() {
    if (line_.empty()) {
        ++free_;
        return;
    }
    Waiter* next = line_.front();
    line_.pop_front();
    next->granted = true;
    next->turn.notify_all();
}

Semaphore::Permit& Semaphore::Permit::operator=(Permit&& other) noexcept {
    if (this != &other) {
        release();
        of_ = std::exchange(other.of_, nullptr);
    }
    return *this;
}

void Semaphore::Permit::release() {
    if (of_ != nullptr) std::exchange(of_, nullptr)->give_back();
}

}  // namespace shallop::async
