// SPDX-License-Identifier: Apache-2.0
#include <shallop/trigger/queue_runs.h>

namespace shallop::trigger {

async::Task<base::Result<Accepted>> QueueRuns::put(Order order) {
    queue::Order whole;
    whole.event = std::move(order.event);
    whole.body.size = order.body.size();
    whole.body.bytes = std::move(order.body);
    whole.origin = std::move(order.origin);
    whole.idempotency_key = std::move(order.idempotency_key);
    whole.ordering_key = std::move(order.ordering_key);
    auto accepted = co_await queue_.put(std::move(whole));
    if (!accepted) co_return accepted.error();
    co_return Accepted{std::move(accepted->id), accepted->repeated};
}

async::Task<base::Result<std::string>> QueueRuns::state(std::string invocation) {
    const auto found = co_await queue_.find(std::move(invocation));
    if (!found) co_return found.error();
    if (!*found) co_return std::string();
    using enum store::EventState;
    switch ((*found)->row.state) {
        case queued:
        case waiting:
            co_return "queued";
        case running:
            co_return "running";
        case succeeded:
            co_return "succeeded";
        case failed:
            co_return "failed";
        case cancelled:
            co_return "cancelled";
    }
    co_return std::string();
}

async::Task<base::Status> QueueRuns::cancel(std::string invocation) {
    const auto done = co_await queue_.cancel(std::move(invocation));
    if (!done && done.error().fault == base::Fault::conflict) co_return base::Status();  // it has ended meanwhile
    co_return done;
}

}  // namespace shallop::trigger
