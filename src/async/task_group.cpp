// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/condition.h>
#include <shallop/async/task_group.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <list>

namespace shallop::async {

namespace asio = boost::asio;

struct TaskGroup::State {
    State(Executor on, base::Log& to) : executor(on), log(to), empty(on) {}

    /// One task. Asio's co_spawn throws out of the loop where a task is cancelled before it has suspended for the first time: until
    /// then a cancellation is kept here.
    struct Running {
        asio::cancellation_signal signal;
        bool begun = false;
        bool cancelled = false;
    };

    void cancel() {
        for (auto at = running.begin(); at != running.end();) {
            auto& task = *at++;  // the task may end, and leave the list, before emit returns
            task.cancelled = true;
            if (task.begun) task.signal.emit(asio::cancellation_type::terminal);
        }
    }

    static Task<void> begin(Executor executor, Running& self, Task<void> task) {
        co_await asio::post(executor, use_task);
        self.begun = true;
        if (!self.cancelled) co_await std::move(task);
    }

    Executor executor;
    base::Log& log;
    std::list<Running> running;
    Condition empty;
};

namespace {

void report(base::Log& log, const char* name, const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) return;
        log.error("task failed", {{"task", name}, {"error", error.what()}});
    } catch (const std::exception& error) {
        log.error("task failed", {{"task", name}, {"error", error.what()}});
    }
}

}  // namespace

TaskGroup::TaskGroup(Executor executor, base::Log& log) : state_(std::make_shared<State>(executor, log)) {}

TaskGroup::~TaskGroup() { state_->cancel(); }

void TaskGroup::spawn(const char* name, Task<void> task) {
    const auto at = state_->running.emplace(state_->running.end());
    auto ended = [state = state_, at, name](const std::exception_ptr& thrown) {
        state->running.erase(at);
        if (thrown) report(state->log, name, thrown);
        if (state->running.empty()) state->empty.notify_all();
    };
    auto whole = State::begin(state_->executor, *at, std::move(task));
    asio::co_spawn(state_->executor, std::move(whole),
                   asio::bind_cancellation_slot(at->signal.slot(), std::move(ended)));
}

void TaskGroup::cancel() { state_->cancel(); }

Task<void> TaskGroup::join() {
    const auto state = state_;
    while (!state->running.empty()) co_await state->empty.wait();
}

std::size_t TaskGroup::size() const { return state_->running.size(); }

}  // namespace shallop::async
