// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/queue/queue.h>
#include <shallop/trigger/runs.h>

namespace shallop::trigger {

/// The queue, as triggers see it. Belongs to the queue's loop; the queue outlives it.
class QueueRuns final : public Runs {
public:
    explicit QueueRuns(queue::Queue& queue) : queue_(queue) {}

    async::Task<base::Result<Accepted>> put(Order order) override;
    async::Task<base::Result<std::string>> state(std::string invocation) override;
    async::Task<base::Status> cancel(std::string invocation) override;

private:
    queue::Queue& queue_;
};

}  // namespace shallop::trigger
