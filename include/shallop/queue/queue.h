// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/blocking_pool.h>
#include <shallop/async/clock.h>
#include <shallop/async/condition.h>
#include <shallop/async/task_group.h>
#include <shallop/base/id.h>
#include <shallop/base/log.h>
#include <shallop/function/event.h>
#include <shallop/invoke/invoker.h>
#include <shallop/observe/log_book.h>
#include <shallop/observe/metrics.h>
#include <shallop/queue/lines.h>
#include <shallop/queue/outbound.h>
#include <shallop/queue/policy.h>
#include <shallop/store/events.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace shallop::queue {

using async::Instant;
using async::Task;
using base::Result;
using base::Status;

struct Settings {
    std::string directory;  ///< the data directory: large bodies go to bodies/, file destinations to sinks/
    LineLimits lines;
    base::Bytes inline_body = 256 * 1024;        ///< larger ones are in files
    std::size_t key_length = 255;                ///< of idempotency and ordering keys
    Duration key_life = std::chrono::hours(24);  ///< of an idempotency key
    Duration lease = std::chrono::seconds(60);   ///< renewed each third of it
    int most_interruptions = 10;                 ///< an event that the daemon's end cut off so often fails
    int most_hops = 16;                          ///< events that make events by their destinations
    std::size_t log = 16 * 1024;                 ///< bytes of log kept with an attempt
    std::vector<std::string> callbacks_to;       ///< addresses that may be called though they are private
};

/// A body on its way in: in memory, or in a file of the directory of bodies.
struct Body {
    std::string bytes;
    std::string file;
    base::Bytes size = 0;
    std::string digest{};  ///< of a body in a file: SHA-256 in hexadecimal
};

/// An event to be run later.
struct Order {
    function::Event event;  ///< `id` is made by put() where it is empty; `function` names the function
    Body body{};
    std::string origin = "request";  ///< where it is from: "request", "schedule:ID", "replay:ID", …
    std::string idempotency_key{};   ///< "": none
    std::string ordering_key{};      ///< "": none
    std::string callback{};          ///< a URL that gets the reply; "": none
};

struct Accepted {
    std::string id;
    bool repeated = false;  ///< there was one with its idempotency key, and this is that one's id
};

/// An event as it is kept: what runs and ran of it.
struct Kept {
    store::EventRow row;
    function::Event event;
    std::optional<store::KeptReply> reply;
    std::vector<store::Attempt> attempts;
};

/// Events that were accepted to be run later: kept on the disk until they have ended, run by the Invoker, tried again, sent on.
///
/// Each is run at least once: what the daemon's end cut off is run again. Those of a function begin in the order they are due, and several run at
/// once; those with the same ordering key run one after the other, in the order they were accepted.
/// Belongs to one loop; drain() before destroying.
class Queue {
public:
    struct Parts {
        store::Events& events;
        invoke::Invoker& invoker;
        observe::LogBook& log_book;
        observe::Metrics& metrics;
        async::BlockingPool& blocking;
        base::IdSource& ids;
        async::Clock& clock;
        base::Log& log;
        /// The function of that name as it is now, or nothing.
        std::function<function::FunctionPtr(const std::string&)> find;
    };
    Queue(Settings settings, Parts parts, async::Executor executor);
    ~Queue();

    /// Reads what was left; before all else. Faults: storage.
    Task<Status> load();

    /// Runs events as they are due, until cancelled. After load(). Where it ends for want of memory, it may be begun again.
    Task<void> run();

    /// Reads a body whole. Faults: those of `from`; too_large, over `limit`; storage.
    Task<Result<Body>> read_body(function::BodySource& from, base::Bytes limit);

    /// Durable when it returns. Faults: not_found (no such function), overloaded (a backlog is full), invalid (a key or URL; an idempotency key that came
    /// with another event), storage, shutting_down.
    Task<Result<Accepted>> put(Order order);

    Task<Result<std::optional<Kept>>> find(std::string id);
    /// Newest first.
    Task<Result<std::vector<Kept>>> list(store::EventFilter filter);
    /// Events of one function by store::EventState.
    Task<Result<std::vector<std::int64_t>>> count(std::string function) {
        return parts_.events.count(std::move(function));
    }

    /// Returns when the event has ended, or at `until`. Cancellable.
    Task<void> wait_for_end(std::string id, Instant until);

    /// What waits is ended now, what runs is stopped. Faults: not_found; conflict, where it has ended.
    Task<Status> cancel(std::string id);
    /// The same event once more, as a new one. Faults: not_found, and those of put().
    Task<Result<Accepted>> replay(std::string id);
    /// A dead letter, or all of a function's ("": of all), are queued again as if they were new; so many.
    Task<Result<std::int64_t>> redrive(std::string id);
    Task<Result<std::int64_t>> redrive_all(std::string function);
    /// A dead letter, or all, are forgotten; so many.
    Task<Result<std::int64_t>> drop(std::string id);
    Task<Result<std::int64_t>> drop_all(std::string function);

    // For who puts events into the store himself, with something of his own in the same transaction.

    /// Whether so many may come. Faults: overloaded, shutting_down.
    Status admit_all(std::int64_t events, base::Bytes bytes) const;
    /// The row of an order; nothing is checked.
    store::NewEvent prepare(Order order) const;
    /// What keeps the lines true: goes with each change.
    store::Events::Written written();
    /// The events of a function in the order they were put, without their replies and the logs of their attempts.
    Task<Result<std::vector<Kept>>> in_order(std::string function, std::size_t from, std::size_t limit);
    /// Stops what of a function runs, as cancel() does.
    void stop_running(const std::string& function);

    /// A function is new or changed: its line may go on.
    void changed(const std::string& function);

    const Lines& lines() const { return lines_; }
    Millis lag() const { return lines_.lag(now()); }
    store::Millis now() const;
    std::chrono::system_clock::time_point wall(Millis at) const;

    /// Takes nothing new and begins nothing; waits until what runs has been written down. Whoever calls it ends the invocations.
    void wind_down() { draining_ = true; }
    Task<void> drain();

private:
    struct Running;
    class Hold;
    class Place;
    int concurrency(const std::string& function) const;
    function::Async policy(const std::string& function) const;
    Status check(const Order& order) const;
    void pump();
    Task<void> take(Lines::Turn turn);
    Task<void> run_one(std::shared_ptr<store::Taken> taken, std::shared_ptr<Hold> hold, async::Canceller& self);
    Task<Ran> invoke(Running& running, async::Canceller& self, store::KeptReply& reply);
    Task<Ran> deliver(const store::Taken& taken);
    Task<bool> settle(Running& running, Ran ran, store::KeptReply reply);
    void send_on(const Running& running, const function::Async& policy, const store::KeptReply& reply,
                 store::Ending& ending) const;
    std::string log_of(const Running& running, bool failed) const;
    void apply(const store::Change& change);
    void told(const std::string& id);
    void remove_files(const std::vector<std::string>& names);
    Task<void> renew_leases();
    Task<void> renew_once();
    Task<void> tidy();
    Task<void> tidy_once();

    Settings settings_;
    Parts parts_;
    async::Executor executor_;
    Outbound outbound_;
    Millis began_wall_;
    Instant began_;
    Lines lines_;
    std::map<std::string, Running*> running_;                ///< by id
    std::multimap<std::string, async::Condition*> waiting_;  ///< for ends, by id
    async::Condition due_changed_;
    std::minstd_rand random_{std::random_device{}()};  ///< spreads retries
    Millis leased_until_ = 0;                          ///< when the last lease is over that may be held; 0: none is
    bool leases_begun_ = false, tidy_begun_ = false, draining_ = false;
    async::TaskGroup tasks_;  // last: its tasks use everything above
};

}  // namespace shallop::queue
