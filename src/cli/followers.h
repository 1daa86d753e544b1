// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "cli/server.h"

namespace shallop::cli {

/// Follows the logs of functions from the time on when it is made, each in a thread and over a connection of its own. Belongs to one thread.
class Followers {
public:
    /// Called from any of the threads, with a function's name and a log line as the daemon sends it.
    using Sink = std::function<void(const std::string& function, std::string_view object)>;

    Followers(Server server, Sink sink) : server_(std::move(server)), sink_(std::move(sink)) {}
    ~Followers();

    /// Follows these from now on, and no others; begins anew where a connection has ended. Returns how many are too many to be followed.
    std::size_t follow(const std::set<std::string>& names);

    static constexpr std::size_t most = 32;

private:
    using Instant = std::chrono::steady_clock::time_point;

    struct Follower {
        Instant from;  ///< what was written since then is shown
        std::atomic<bool> stop{false};
        std::atomic<bool> ended{false};
        std::thread thread;
    };
    void run(Follower& follower, const std::string& name) const;

    Server server_;
    Sink sink_;
    Instant made_ = std::chrono::steady_clock::now();
    std::map<std::string, std::unique_ptr<Follower>> followers_;
};

}  // namespace shallop::cli
