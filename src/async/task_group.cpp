// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>
#include <shallop/async/task_group.h>
#include <shallop/base/memory.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <list>

namespace shallop::async {

namespace asio = boost::asio;

struct TaskGroup::State {
    State(Executor on, base::Log& to) : executor(on), log(to), empty(on) {}

    void cancel() {
        for (auto at = running.begin(); at != running.end();) {
            auto& task = *at++;  // the task may end, and leave the list, before cancel() returns
            task.cancel();
        }
    }

    Executor executor;
    base::Log& log;
    std::list<Canceller> running;
    Condition empty;
};

namespace {

void report(base::Log& log, const char* name, const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) return;
        log.error("task failed", {{"task", name}, {"error", error.what()}});
    } catch (const std::bad_alloc&) {
        base::tell_new_handler();
        log.error("task failed", {{"task", name}, {"error", "no memory"}});
    } catch (const std::exception& error) {
        log.error("task failed", {{"task", name}, {"error", error.what()}});
    }
}

}  // namespace

TaskGroup::TaskGroup(Executor executor, base::Log& log) : state_(std::make_shared<State>(executor, log)) {}

TaskGroup::~TaskGroup() { state_->cancel(); }

void Canceller::cancel() {
    cancelled_ = true;
    if (begun_) signal_.emit(asio::cancellation_type::terminal);
}

Task<void> TaskGroup::begin(Executor executor, Canceller& self, Task<void> task) {
    co_await asio::post(executor, use_task);
    self.begun_ = true;
    if (!self.cancelled_) co_await std::move(task);
}

void TaskGroup::spawn(const char* name, Task<void> task) {
    spawn_cancellable(name, [&task](Canceller&) { return std::move(task); });
}

void TaskGroup::spawn_cancellable(const char* name, const std::function<Task<void>(Canceller&)>& make) {
    const auto at = state_->running.emplace(state_->running.end());
    auto ended = [state = state_, at, name](const std::exception_ptr& thrown) {
        state->running.erase(at);
        if (thrown) report(state->log, name, thrown);
        if (state->running.empty()) state->empty.notify_all();
    };
    try {
        auto whole = begin(state_->executor, *at, make(*at));
        asio::co_spawn(state_->executor, std::move(whole),
                       asio::bind_cancellation_slot(at->signal_.slot(), std::move(ended)));
    } catch (...) {
        state_->running.erase(at);  // for want of memory: nothing has begun, and nobody is to wait for its end
        throw;
    }
}

void TaskGroup::cancel() { state_->cancel(); }

Task<void> TaskGroup::join() {
    const auto state = state_;
    while (!state->running.empty()) co_await state->empty.wait();
}

std::size_t TaskGroup::size() const { return state_->running.size(); }

}  // namespace shallop::async
