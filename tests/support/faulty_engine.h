// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/docker/engine.h>

#include <string>
#include <vector>

namespace shallop::test {

/// Passes every verb on to a real engine, but lets the n-th call fail: for "fail it at every n" tests. Outlived by `real`.
class FaultyEngine final : public docker::Engine {
public:
    enum class When {
        before,  ///< the call never reaches the engine
        after,   ///< the engine does it, and the answer is lost
    };

    explicit FaultyEngine(docker::Engine& real) : real_(real) {}

    /// The n-th call from now on (1 = the next) fails with `error`; those of the events stream do not count.
    void fail(int nth, base::Error error = {base::Fault::engine_down, "told to fail"}, When when = When::before);

    /// As fail(), counting only calls of `verb` ("create", "start", …).
    void fail(const std::string& verb, int nth, base::Error error = {base::Fault::engine_down, "told to fail"},
              When when = When::before);

    void heal() { plans_.clear(); }

    /// The verbs called so far, in order.
    const std::vector<std::string>& calls() const { return calls_; }

    docker::Task<docker::Status> ping(docker::Instant deadline) override;
    docker::Task<docker::Result<docker::Version>> version(docker::Instant deadline) override;
    docker::Task<docker::Result<docker::Info>> info(docker::Instant deadline) override;
    docker::Task<docker::Result<docker::Image>> inspect_image(std::string reference, docker::Instant deadline) override;
    docker::Task<docker::Status> build(std::string context, std::string tag, std::map<std::string, std::string> labels,
                                       std::function<void(std::string line)> line, docker::Instant deadline) override;
    docker::Task<docker::Status> pull(std::string reference, std::function<void(const docker::PullProgress&)> progress,
                                      docker::Instant deadline) override;
    docker::Task<docker::Result<std::vector<std::string>>> image_names(std::string pattern,
                                                                       docker::Instant deadline) override;
    docker::Task<docker::Status> remove_image(std::string reference, docker::Instant deadline) override;
    docker::Task<docker::Result<std::string>> create(docker::ContainerSpec spec, std::string name,
                                                     docker::Instant deadline) override;
    docker::Task<docker::Status> start(std::string id, docker::Instant deadline) override;
    docker::Task<docker::Status> kill(std::string id, std::string signal, docker::Instant deadline) override;
    docker::Task<docker::Status> remove(std::string id, docker::Instant deadline) override;
    docker::Task<docker::Result<int>> wait(std::string id, std::string condition, docker::Instant deadline) override;
    docker::Task<docker::Result<docker::ContainerState>> inspect(std::string id, docker::Instant deadline) override;
    docker::Task<docker::Result<std::vector<docker::ContainerSummary>>> list(std::vector<std::string> labels,
                                                                             docker::Instant deadline) override;
    docker::Task<docker::Result<std::string>> logs(std::string id, int tail, docker::Instant deadline) override;
    docker::Task<void> events(std::vector<std::string> labels, std::function<void(const docker::EngineEvent&)> event,
                              std::function<void()> connected) override;
    docker::Task<void> follow(std::int64_t since_nano, std::function<void(const docker::EngineEvent&)> event,
                              std::function<void()> connected) override;

private:
    struct Plan {
        std::string verb;  ///< "" = any
        int left;
        base::Error error;
        When when;
    };

    template <typename T>
    docker::Task<docker::Result<T>> pass(const char* verb, docker::Task<docker::Result<T>> call);
    std::vector<Plan> due(const char* verb);

    docker::Engine& real_;
    std::vector<std::string> calls_;
    std::vector<Plan> plans_;
};

}  // namespace shallop::test
