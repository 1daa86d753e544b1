// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/clock.h>
#include <shallop/async/task.h>
#include <shallop/base/fd.h>
#include <shallop/base/log.h>
#include <shallop/base/result.h>
#include <shallop/shim/channel.h>

#include <memory>
#include <optional>
#include <string>

namespace shallop::shim {

/// What one container starts from: a directory of its own with the shim's program and the socket to which it connects,
/// mounted read-only as /.shallop in that container alone.
///
/// Exactly one connection is accepted: it comes from the shim, which therefore runs, and no code of the function has run yet. Then program, socket
/// and directory are gone from the file system (a mount of the directory outlives that). Destroying a Door removes them too.
class Door {
public:
    /// Makes `parent`/`name` (0755), links `program` (of write_binary) into it as `shim` and listens on `s` in it (0666). `parent`
    /// exists, on the file system of `program`, and only we can enter it (0700). Paths may be longer than a socket address. `clock` and `log`
    /// outlive the Door and its Channel.
    /// Faults: storage.
    static base::Result<Door> open(const std::string& parent, const std::string& name, const std::string& program,
                                   async::Executor executor, async::Clock& clock, base::Log& log);

    /// Removes the directories of Doors whose daemon was killed. Nothing else may use `parent`.
    static void remove_leftovers(const std::string& parent);

    Door(Door&&) noexcept;
    Door& operator=(Door&&) noexcept;
    ~Door();

    /// The directory to mount.
    const std::string& directory() const;

    /// Whom to let in: a connection of another uid is refused. Default: anyone who can reach the socket.
    void expect_uid(unsigned uid);

    /// Waits for the shim and its hello, once. Cancellable.
    /// Faults: timed_out (`deadline`), launch_failed (what connected is not our shim, or not of this version).
    async::Task<base::Result<std::unique_ptr<Channel>>> accept(async::Instant deadline);

private:
    struct State;
    explicit Door(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace shallop::shim
