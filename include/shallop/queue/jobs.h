// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/function/job.h>
#include <shallop/queue/queue.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shallop::queue {

/// A job as it is now.
struct JobView {
    store::JobRow row;
    std::int64_t queued = 0, running = 0, succeeded = 0, failed = 0, cancelled = 0;
};

/// Batch jobs: each index is a queued event of a function of the job's own, known to nobody else, whose containers are never used again. So attempts,
/// backoff, crashes and stops are the queue's business.
///
/// Belongs to one loop.
class Jobs {
public:
    struct Parts {
        Queue& queue;
        store::Events& events;
        base::IdSource& ids;
        async::Clock& clock;
        base::Log& log;
        std::function<function::FunctionPtr(const std::string&)> find;  ///< a registered function
        /// `spec` with its image resolved and its contract decided, registered nowhere.
        std::function<Task<Result<function::FunctionPtr>>(function::Spec)> make;
        /// A function again from what was kept of it.
        std::function<Result<function::FunctionPtr>(const store::StoredFunction&)> revive;
        /// Nothing of this function is needed any more: its instances, metrics and log.
        std::function<void(const std::string&)> forget;
    };
    explicit Jobs(Parts parts);

    /// Reads what was left. Before Queue::load().
    Task<Status> load();
    /// Notices ends, and forgets what was kept long enough; until cancelled.
    Task<void> run();

    /// Durable when it returns. Faults: those of parse_job(), and of making a function; too_large, where the inputs of all indexes have more than
    /// 64 MiB together; overloaded, where the queue has no room for them; shutting_down.
    Task<Result<JobView>> put(std::string document);
    Task<Result<JobView>> find(std::string id);
    Task<Result<std::vector<JobView>>> list(std::string before, std::size_t limit);
    /// Its indexes from the `from`-th.
    Task<Result<std::vector<Kept>>> indexes(std::string id, std::size_t from, std::size_t limit);
    /// What waits is cancelled, what runs is stopped. Faults: not_found; conflict, where it has ended.
    Task<Result<JobView>> cancel(std::string id);
    /// Faults: not_found; conflict, while it runs.
    Task<Status> remove(std::string id);

    /// Jobs that have not ended.
    std::size_t running() const { return running_.size(); }

    /// What running jobs run.
    std::vector<function::FunctionPtr> functions() const;

    /// Running jobs that name this secret: "job ID".
    std::vector<std::string> users_of_secret(std::string_view secret) const;

    /// The function of a running job, by the name it has in the queue.
    function::FunctionPtr function(const std::string& name) const;

private:
    Status admit(const function::Job& job) const;
    Result<function::FunctionPtr> revived(const store::JobRow& row) const;
    Task<Result<JobView>> view(store::JobRow row);
    Task<void> notice_end(store::JobRow row);

    Parts parts_;
    std::map<std::string, std::pair<store::JobRow, function::FunctionPtr>> running_;  ///< by name
};

}  // namespace shallop::queue
