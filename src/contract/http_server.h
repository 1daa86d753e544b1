// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/async/task_group.h>
#include <shallop/contract/driver.h>

#include <memory>
#include <string>

namespace shallop::contract {

/// The image's own server inside one instance: starts it, hands out the lines it writes, and knows when it has ended.
///
/// When the server ends, the channel is closed with the reason: what remains in the container serves nobody.
class HttpServer {
public:
    explicit HttpServer(Surroundings& around);
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer();

    /// Runs the container's own command. Faults: launch_failed, overloaded.
    Task<base::Status> start();

    /// Where it listens, in the words of Channel::connect.
    const std::string& address() const { return address_; }

    bool ended() const;

    Task<void> until_ended();

    /// The same, but not after `when`.
    Task<void> until_ended(Instant when);

    /// How it ended; `before` says before what, e.g. "before it listened". Only when it has.
    base::Error death(const std::string& before) const;

    /// The last lines it has written.
    std::string last_words() const;

private:
    struct Running;
    static Task<void> watch(std::shared_ptr<Running> running);
    static Task<void> listen(std::shared_ptr<Running> running, bool to_stderr);

    Surroundings& around_;
    std::string address_;
    std::shared_ptr<Running> running_;
    async::TaskGroup tasks_;  // last
};

}  // namespace shallop::contract
