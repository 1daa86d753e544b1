// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace shallop::test {

/// Path of the socket of the engine that tests run on: $DOCKER_HOST where that is unix://, else /var/run/docker.sock.
std::string real_engine();

/// A unix socket in front of the real engine that does to requests what its rules say, and notes each that came.
/// Runs on threads of its own: usable from the test's thread while a loop runs there.
class EngineProxy {
public:
    enum class Act {
        pass,
        delay,        ///< forwarded after `delay`
        stall,        ///< never answered; the connection stays open until the client closes it
        cut,          ///< not forwarded; the connection is closed
        lose_answer,  ///< forwarded and done by the engine; the connection is closed instead of the answer
        error_500,    ///< not forwarded; a 500 with a message
        truncate,     ///< forwarded; the connection is closed within the answer's body
        garbage,      ///< not forwarded; bytes that are no HTTP
        too_old,      ///< not forwarded; the 400 of an engine that does not speak this API version any more
    };

    /// The first rule that fits a request decides; without one it passes.
    struct Rule {
        std::string method;  ///< "" = any
        std::string target;  ///< regular expression, searched in path and query
        Act act = Act::pass;
        int nth = 0;  ///< only the n-th request that fits, counted from 1 since the rule was added; 0 = each
        std::chrono::milliseconds delay{0};
    };

    struct Request {
        std::string method;
        std::string target;
        int connection = 0;  ///< numbered from 1 in the order of their being accepted
    };

    /// `upstream`: the real engine's socket; "" = as real_engine() says.
    explicit EngineProxy(std::string upstream = "");
    EngineProxy(const EngineProxy&) = delete;
    EngineProxy& operator=(const EngineProxy&) = delete;
    ~EngineProxy();

    std::string path() const;
    std::string host() const { return "unix://" + path(); }

    void add(Rule rule);
    void clear_rules();

    /// Closes the listener, its socket file and every connection: the engine is away. come_back() undoes it.
    void go_away();
    void come_back();

    /// Closes the connections whose current request fits `target`; returns how many.
    int cut_now(const std::string& target);

    std::vector<Request> requests() const;
    int count(const std::string& target) const;
    int connections() const;  ///< ever accepted
    int open() const;         ///< now

    /// Blocks until `n` requests that fit `target` have come, or `limit` has passed: then false.
    bool wait_for(const std::string& target, int n, std::chrono::milliseconds limit = std::chrono::seconds(20)) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace shallop::test
