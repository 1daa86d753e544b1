// SPDX-License-Identifier: Apache-2.0
#include <shallop/store/events.h>

#include "store/event_commit.h"

#include <limits>
#include <utility>

namespace shallop::store {

using base::Error;
using base::Fault;

Events::Events(Store& store, async::Executor executor, base::Log& log)
    : store_(store),
      executor_(executor),
      log_(log),
      rows_(std::make_unique<Rows>(store.database_->connection())),
      tasks_(executor, log) {}

Events::~Events() = default;

/// Into the group that is written next.
std::shared_ptr<Events::Group> Events::join(std::shared_ptr<Op> op) {
    if (!next_) next_ = std::make_shared<Group>(executor_);
    next_->ops.push_back(std::move(op));
    if (writing_) return next_;
    writing_ = true;
    try {
        tasks_.spawn("queued events", write_groups());
    } catch (const std::exception&) {  // for want of memory: the change is refused, the next one tries again
        writing_ = false;
        next_ = nullptr;
        throw;
    }
    return next_;
}

/// A change is told to whom it concerns. What fails in that is no failure of the change.
void Events::tell(const Op& op) {
    try {
        for (const auto& change : op.changes) op.written(change);
    } catch (const std::exception& failure) {
        log_.error("a written change is not known to the queue until the next start", {{"reason", failure.what()}});
    }
}

Task<void> Events::write_groups() {
    while (next_) {
        std::shared_ptr<Group> group;
        try {
            const auto mine = co_await store_.turn();
            group = std::exchange(next_, nullptr);
            auto work = [this, &group] {
                return store_.database_->transact([&]() -> Outcome<void> {
                    for (const auto& op : group->ops) {
                        if (auto done = op->apply(*rows_); !done) return done;
                    }
                    return {};
                });
            };
            group->outcome = co_await store_.pool_.run(work);
        } catch (const std::exception& failure) {
            // Whoever waits for this group is told; the next one is another matter.
            if (!group) group = std::exchange(next_, nullptr);
            group->outcome = Error(Fault::storage, failure.what());
        }
        if (group->outcome) {
            ++groups_written_;
            changes_written_ += group->ops.size();
        }
        for (const auto& op : group->ops) {
            if (group->outcome && op->written) tell(*op);
        }
        group->ended = true;
        group->done.notify_all();
    }
    writing_ = false;
}

Task<Result<std::vector<Line>>> Events::recover(Millis now) {
    return commit<std::vector<Line>>([=](Rows& rows, Changes& changes) -> Outcome<Result<std::vector<Line>>> {
        constexpr auto all = std::numeric_limits<Millis>::max();
        const auto done = rows.requeue_running(now, all, "the daemon ended while this ran", changes);
        if (!done) return done.error();
        return sure(rows.lines());
    });
}

Task<Result<Put>> Events::put(NewEvent event, Written written) {
    return commit<Put>(
        [event = std::move(event)](Rows& rows, Changes& changes) { return sure(rows.put(event, changes)); },
        std::move(written));
}

Task<Result<std::vector<Put>>> Events::put_all(std::vector<NewEvent> events, Written written) {
    return commit<std::vector<Put>>(
        [events = std::move(events)](Rows& rows, Changes& changes) -> Outcome<Result<std::vector<Put>>> {
            std::vector<Put> all;
            for (const auto& event : events) {
                auto one = rows.put(event, changes);
                if (!one) return one.error();
                all.push_back(std::move(*one));
            }
            return Result<std::vector<Put>>(std::move(all));
        },
        std::move(written));
}

Task<Result<Batch>> Events::take(std::string function, Millis now, std::size_t most, Millis lease) {
    return commit<Batch>([function = std::move(function), now, most, lease](Rows& rows, Changes&) {
        return sure(rows.take(function, now, most, lease));
    });
}

Task<Status> Events::renew(std::vector<std::int64_t> running, Millis lease, Millis now, Written written) {
    auto work = [running = std::move(running), lease, now](Rows& rows, Changes& changes) -> Outcome<Result<bool>> {
        auto done = rows.renew(running, lease);
        if (done) done = rows.requeue_running(now, now, "its run was lost", changes);
        if (!done) return done.error();
        return Result<bool>(true);
    };
    auto renewing = commit<bool>(std::move(work), std::move(written));
    auto renewed = co_await std::move(renewing);
    if (!renewed) co_return renewed.error();
    co_return Status();
}

Task<Result<Change>> Events::end(std::shared_ptr<const Ending> ending, Written written) {
    return commit<Change>(
        [ending = std::move(ending)](Rows& rows, Changes& changes) {
            return noted(sure(rows.end(*ending, changes)), changes);
        },
        std::move(written));
}

Task<Result<Change>> Events::cancel(std::string id, Millis now, Millis keep_until, Written written) {
    return commit<Change>(
        [=](Rows& rows, Changes& changes) { return noted(rows.cancel(id, now, keep_until), changes); },
        std::move(written));
}

Task<Result<Change>> Events::redrive(std::string id, Millis now, Written written) {
    return commit<Change>([=](Rows& rows, Changes& changes) { return noted(rows.redrive(id, now), changes); },
                          std::move(written));
}

Task<Result<Change>> Events::drop(std::string id, Written written) {
    return commit<Change>([=](Rows& rows, Changes& changes) { return noted(rows.drop(id), changes); },
                          std::move(written));
}

Task<Result<std::int64_t>> Events::redrive_all(std::string function, Millis now, std::size_t most, Written written) {
    return commit<std::int64_t>(
        [=](Rows& rows, Changes& changes) {
            const auto redrive = [&](const std::string& id) { return rows.redrive(id, now); };
            return for_each(rows.failed(function, most), changes, redrive);
        },
        std::move(written));
}

Task<Result<std::int64_t>> Events::drop_all(std::string function, std::size_t most, Written written) {
    return commit<std::int64_t>(
        [=](Rows& rows, Changes& changes) {
            const auto drop = [&](const std::string& id) { return rows.drop(id); };
            return for_each(rows.failed(function, most), changes, drop);
        },
        std::move(written));
}

Task<Result<Change>> Events::purge(Millis now, std::size_t most) {
    return commit<Change>([=](Rows& rows, Changes&) { return sure(rows.purge(now, most)); });
}

Task<Result<std::optional<WholeEvent>>> Events::find(std::string id) {
    return read<std::optional<WholeEvent>>([id = std::move(id)](Rows& rows) { return rows.find(id); });
}

Task<Result<std::optional<Taken>>> Events::payload(std::string id) {
    return read<std::optional<Taken>>([id = std::move(id)](Rows& rows) { return rows.payload(id); });
}

Task<Result<std::vector<WholeEvent>>> Events::list(EventFilter filter) {
    std::vector<WholeEvent> page;
    do {
        auto look = [&](Rows& rows) -> Outcome<bool> {
            if (const auto done = rows.list(filter, page); !done) return done.error();
            return true;
        };
        auto looking = read<bool>(std::move(look));
        if (const auto looked = co_await std::move(looking); !looked) co_return looked.error();
    } while (page.size() < filter.limit && !filter.before.empty());
    co_return page;
}

Task<Result<std::vector<std::int64_t>>> Events::count(std::string function) {
    return read<std::vector<std::int64_t>>(
        [function = std::move(function)](Rows& rows) { return rows.count(function); });
}

Task<Result<std::vector<std::string>>> Events::files() {
    return read<std::vector<std::string>>([](Rows& rows) { return rows.files(); });
}

Task<void> Events::drain() { return tasks_.join(); }

}  // namespace shallop::store
