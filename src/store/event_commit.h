// SPDX-License-Identifier: Apache-2.0
// How Events writes in groups: for the files of its methods.
#pragma once

#include <shallop/async/condition.h>
#include <shallop/store/events.h>

#include "store/database.h"
#include "store/event_rows.h"

namespace shallop::store {

/// One change, which is kept by whoever waits for it and by its group.
struct Events::Op {
    virtual ~Op() = default;
    virtual Outcome<void> apply(Rows& rows) = 0;

    std::vector<Change> changes;
    Written written;
};

struct Events::Group {
    explicit Group(async::Executor executor) : done(executor) {}

    std::vector<std::shared_ptr<Op>> ops;
    async::Condition done;
    bool ended = false;
    Status outcome;
};

/// `work(rows, changes)`, in a group: an Outcome<Result<T>>.
template <typename T, typename F>
Task<Result<T>> Events::commit(F work, Written written) {
    struct Work final : Op {
        explicit Work(F f) : work(std::move(f)) {}
        Outcome<void> apply(Rows& rows) override {
            auto done = work(rows, changes);
            if (!done) return done.error();
            result.emplace(std::move(*done));
            return {};
        }
        F work;
        std::optional<Result<T>> result;
    };
    const auto op = std::make_shared<Work>(std::move(work));
    op->written = std::move(written);
    const auto group = join(op);
    while (!group->ended) co_await group->done.wait();
    if (!group->outcome) co_return group->outcome.error();
    co_return std::move(*op->result);
}

/// `work(rows)`, by itself and outside of a transaction: an Outcome<T>.
template <typename T, typename F>
Task<Result<T>> Events::read(F work) {
    const auto mine = co_await store_.turn();
    auto reading = [this, &work]() -> Result<T> {
        auto done = work(*rows_);
        if (!done) return store_.database_->refused(done.error(), "reading").error();
        return std::move(*done);
    };
    co_return co_await store_.pool_.run(reading);
}

using Changes = std::vector<Change>;

/// An answer of Rows that cannot refuse, as one that can.
template <typename T>
Outcome<Result<T>> sure(Outcome<T> done) {
    if (!done) return done.error();
    return Result<T>(std::move(*done));
}

/// The same, with the change that it is noted.
inline Outcome<Result<Change>> noted(Outcome<Result<Change>> done, Changes& changes) {
    if (done && *done) changes.push_back(**done);
    return done;
}

/// `each` of what is in `ids`; how many it was done to.
template <typename F>
Outcome<Result<std::int64_t>> for_each(const Outcome<std::vector<std::string>>& ids, Changes& changes, F each) {
    if (!ids) return ids.error();
    for (const auto& id : *ids) {
        const auto done = noted(each(id), changes);
        if (!done) return done.error();
    }
    return Result<std::int64_t>(static_cast<std::int64_t>(changes.size()));
}

}  // namespace shallop::store
