// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/statements.h"

#include <shallop/store/events.h>

namespace shallop::store {

/// The statements on queued events: blocking, used by one thread at a time, each method inside somebody's transaction.
///
/// A Failure undoes the transaction; a Result inside it is an answer about one event, with nothing changed where it is a fault.
class Events::Rows {
public:
    explicit Rows(Connection& connection) : sql_(connection) {}

    /// Those whose lease ended before `lease_before`, because of `why`; each is a change.
    Outcome<void> requeue_running(Millis now, Millis lease_before, std::string_view why, std::vector<Change>& changes);
    Outcome<std::vector<Line>> lines();

    /// Adds to `changes` what it does to the line of its function.
    Outcome<Put> put(const NewEvent& event, std::vector<Change>& changes);
    Outcome<Batch> take(const std::string& function, Millis now, std::size_t most, Millis lease);
    Outcome<void> renew(const std::vector<std::int64_t>& running, Millis lease);
    Outcome<Change> end(const Ending& ending, std::vector<Change>& changes);
    Outcome<Result<Change>> cancel(const std::string& id, Millis now, Millis keep_until);
    Outcome<Result<Change>> redrive(const std::string& id, Millis now);
    Outcome<Result<Change>> drop(const std::string& id);
    Outcome<std::vector<std::string>> failed(const std::string& function, std::size_t most);
    Outcome<Change> purge(Millis now, std::size_t most);

    Outcome<std::optional<WholeEvent>> find(const std::string& id);
    /// Without its reply and the logs of its attempts, which may be large.
    Outcome<std::optional<WholeEvent>> find_brief(const std::string& id);
    Outcome<std::optional<Taken>> payload(const std::string& id);
    /// Adds those of the next `slice` that fit to `page`; `before` is then where to go on, or "" at the end.
    Outcome<void> list(EventFilter& filter, std::vector<WholeEvent>& page);
    Outcome<std::vector<std::int64_t>> count(const std::string& function);
    Outcome<std::vector<std::string>> files();

    Outcome<void> put_job(const JobRow& job);
    Outcome<std::vector<JobRow>> jobs(const std::string& id, const std::string& before, bool running,
                                      std::size_t limit);
    Outcome<void> end_job(const JobRow& job, KeepIndexes keep);
    Outcome<std::int64_t> cancel_all(const std::string& function, Millis now, Millis keep_until,
                                     std::vector<Change>& changes);
    Outcome<Result<Change>> forget_job(const std::string& id);
    Outcome<std::vector<std::string>> old_jobs(Millis now, std::size_t most);
    Outcome<std::vector<WholeEvent>> in_order(const std::string& function, std::size_t from, std::size_t limit);

private:
    Outcome<std::optional<EventRow>> row(const std::string& id);
    Outcome<bool> behind_another(const EventRow& row);
    Outcome<std::int64_t> let_next_go(const EventRow& ended, Millis now);
    Outcome<void> note(std::int64_t seq, const Attempt& attempt);
    Outcome<void> keep(std::int64_t seq, const KeptReply& reply);
    Outcome<void> forget(std::int64_t seq, std::vector<std::string>& files);
    Outcome<std::optional<Put>> by_key(const NewEvent& event);

    Statements sql_;
};

}  // namespace shallop::store
