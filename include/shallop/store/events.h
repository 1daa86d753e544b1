// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task_group.h>
#include <shallop/store/store.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shallop::store {

/// Milliseconds since 1970, by the clock of whoever queues.
using Millis = std::int64_t;

/// Stored as it is numbered here. `waiting`: an older event with the same ordering key has not ended.
enum class EventState : std::uint8_t { queued, running, succeeded, failed, cancelled, waiting };

/// One event, without what may be large.
struct EventRow {
    std::int64_t seq = 0;  ///< counts up as events are accepted
    std::string id, function;
    EventState state = EventState::queued;
    int attempts = 0;       ///< begun so far, without those that do not count
    int interruptions = 0;  ///< runs that were cut off, by the daemon's end for one
    Millis accepted = 0, due = 0, ended = 0, keep_until = 0;
    base::Bytes bytes = 0;  ///< of its body
    int http_status = 0;    ///< of the last reply, 0 = none
    std::string origin, ordering_key, callback, fault, detail;
};

/// What a run of it needs.
struct Payload {
    std::string head;  ///< a document of the queue's
    std::string body;
    std::string file{};  ///< instead of `body`: its name below the directory of bodies
};

struct NewEvent {
    EventRow row;  ///< id, function, accepted, due, bytes, origin, ordering_key, callback
    Payload payload;
    std::string idempotency_key{}, fingerprint{};
    Millis key_until = 0;
};

/// What became of a NewEvent. Where its key was there already: `repeated`, with the id of then; `differs` if that was another event.
struct Put {
    std::string id;
    bool repeated = false, differs = false;
    bool waiting = false;  ///< behind another with its ordering key
};

/// An event to be run now; its lease is ours.
struct Taken {
    EventRow row;
    Payload payload;
};

struct Batch {
    std::vector<Taken> events;
    std::optional<Millis> next_due;  ///< when the next of the function's queued events is
};

/// One run of an event.
struct Attempt {
    Millis started = 0, ended = 0;
    bool counted = true;
    int http_status = 0, exit_code = -1;
    std::string outcome;  ///< "ok", or the name of a fault
    std::string detail, log;
};

/// A reply that is kept.
struct KeptReply {
    int status = 0;
    bool truncated = false;
    std::string fields;  ///< a JSON array of pairs
    std::string body;
};

/// How an attempt left its event: ended, or queued again for `due`.
struct Ending {
    std::int64_t seq = 0;
    EventState state = EventState::succeeded;
    Millis due = 0, keep_until = 0;
    std::string fault, detail;
    Attempt attempt;
    std::optional<KeptReply> reply{};
    std::vector<NewEvent> next{};  ///< events that its end makes: all, or none and no end
};

/// What an event's end, or a change of many, did to the lines of functions.
struct Change {
    std::string function;
    std::int64_t queued = 0;  ///< this many more (or fewer) are queued or waiting
    std::int64_t bytes = 0;
    std::int64_t changed = 0;          ///< events
    bool let_go = false;               ///< one that waited behind its ordering key is now due
    Millis due = 0;                    ///< of what is queued more
    std::vector<std::string> files{};  ///< bodies that nobody needs any more
};

/// The line of one function, at start.
struct Line {
    std::string function;
    std::int64_t events = 0;
    base::Bytes bytes = 0;
    Millis next_due = 0;
};

/// An event as people look at it.
struct WholeEvent {
    EventRow row;
    std::string head;
    std::optional<KeptReply> reply;
    std::vector<Attempt> attempts;
};

/// How the names of jobs' functions begin, and no other's: events of these are indexes.
inline constexpr std::string_view job_prefix = "@job:";

inline bool is_index(const EventRow& row) { return row.function.starts_with(job_prefix); }

/// Many events of a function of their own, each run in a fresh container: the function is known by `name`.
struct JobRow {
    std::string id, name;
    std::string document;           ///< what the job is, as JSON
    std::string spec, image;        ///< of its function: format_spec, format_image
    std::string state = "running";  ///< running, succeeded, failed, cancelled
    Millis created = 0, ended = 0, keep_until = 0;
};

/// What of a job's indexes is kept once all have ended.
enum class KeepIndexes : std::uint8_t { all, failed, none };

struct EventFilter {
    std::string function{};
    std::optional<EventState> state{};
    std::string before{};  ///< ids below this one only
    std::size_t limit = 50;
    std::size_t slice = 5'000;  ///< so many events are looked through before others have a turn at the store
    bool indexes = true;        ///< also those of jobs
};

/// Queued events on the disk. What has returned without a fault outlives a power cut.
///
/// Changes are written in groups: those that come while one group is written make up the next, in one transaction, so that one fsync serves
/// all of them. Where it fails, all of its group fail and nothing of it is there. A call that is cancelled may still be carried out.
/// Belongs to one loop, and outlives its calls; drain() before destroying. Faults: storage.
class Events {
public:
    Events(Store& store, async::Executor executor, base::Log& log);
    ~Events();

    /// Once, before all else: what was running when the daemon ended is queued again, with one interruption more. Then the lines.
    Task<Result<std::vector<Line>>> recover(Millis now);

    /// What is called on the loop once a change is on the disk, before its caller goes on, and also where that has been cancelled.
    using Written = std::function<void(const Change&)>;

    Task<Result<Put>> put(NewEvent event, Written written = {});
    /// All or none.
    Task<Result<std::vector<Put>>> put_all(std::vector<NewEvent> events, Written written = {});

    /// Leases up to `most` due events of one function, oldest due first, until `lease`; each is one attempt more.
    Task<Result<Batch>> take(std::string function, Millis now, std::size_t most, Millis lease);
    /// Leases of `running` last until `lease`. Then events whose lease is over at `now` are queued again, with one interruption more: nobody
    /// runs them.
    Task<Status> renew(std::vector<std::int64_t> running, Millis lease, Millis now, Written written = {});

    /// Ends an attempt. What waited behind its ordering key is queued.
    Task<Result<Change>> end(std::shared_ptr<const Ending> ending, Written written = {});

    /// Ends an event that is queued or waiting. Faults: not_found; conflict, where it runs or has ended.
    Task<Result<Change>> cancel(std::string id, Millis now, Millis keep_until, Written written = {});

    /// A failed or cancelled event is queued anew, with no attempt made. Faults: not_found; conflict.
    Task<Result<Change>> redrive(std::string id, Millis now, Written written = {});
    /// Up to `most` of a function's dead letters ("": of any).
    Task<Result<std::int64_t>> redrive_all(std::string function, Millis now, std::size_t most, Written written = {});

    /// A dead letter is forgotten. Faults: not_found; conflict.
    Task<Result<Change>> drop(std::string id, Written written = {});
    Task<Result<std::int64_t>> drop_all(std::string function, std::size_t most, Written written = {});

    /// Forgets up to `most` ended events, and keys, whose time has come.
    Task<Result<Change>> purge(Millis now, std::size_t most);

    Task<Result<std::optional<WholeEvent>>> find(std::string id);
    Task<Result<std::optional<Taken>>> payload(std::string id);
    /// Newest first.
    Task<Result<std::vector<WholeEvent>>> list(EventFilter filter);
    /// Events by state, of one function.
    Task<Result<std::vector<std::int64_t>>> count(std::string function);
    /// A job and the events of its indexes, in this order: all or nothing.
    Task<Status> put_job(JobRow job, std::vector<NewEvent> indexes, Written written = {});
    Task<Result<std::optional<JobRow>>> job(std::string id);
    /// Newest first, those with an id below `before` ("": all).
    Task<Result<std::vector<JobRow>>> jobs(std::string before, std::size_t limit);
    Task<Result<std::vector<JobRow>>> running_jobs();
    Task<Status> end_job(JobRow job, KeepIndexes keep);
    /// Cancels what of a function's events does not run; so many.
    Task<Result<std::int64_t>> cancel_all(std::string function, Millis now, Millis keep_until, Written written = {});
    /// Forgets a job that has ended, and its events.
    Task<Result<Change>> forget_job(std::string id, Written written = {});
    /// Ids of ended jobs whose time has come.
    Task<Result<std::vector<std::string>>> old_jobs(Millis now, std::size_t most);
    /// The events of a function in the order they were put, from the `from`-th, with their attempts; without replies and logs, which may be large.
    Task<Result<std::vector<WholeEvent>>> in_order(std::string function, std::size_t from, std::size_t limit);

    /// The files that bodies are in.
    Task<Result<std::vector<std::string>>> files();

    /// So many transactions were written, and so many changes in them.
    std::uint64_t groups_written() const { return groups_written_; }
    std::uint64_t changes_written() const { return changes_written_; }

    /// Waits until everything asked for is written.
    Task<void> drain();

private:
    class Rows;
    struct Op;
    struct Group;
    template <typename T, typename F>
    Task<Result<T>> commit(F work, Written written = {});
    template <typename T, typename F>
    Task<Result<T>> read(F work);
    std::shared_ptr<Group> join(std::shared_ptr<Op> op);
    Task<void> write_groups();
    void tell(const Op& op);

    Store& store_;
    async::Executor executor_;
    base::Log& log_;
    std::unique_ptr<Rows> rows_;
    std::shared_ptr<Group> next_;  ///< gathers what comes while another is written
    bool writing_ = false;
    std::uint64_t groups_written_ = 0;
    std::uint64_t changes_written_ = 0;
    async::TaskGroup tasks_;  // last: it writes through all of the above
};

}  // namespace shallop::store
