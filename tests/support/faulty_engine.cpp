// SPDX-License-Identifier: Apache-2.0
#include "support/faulty_engine.h"

namespace shallop::test {

using docker::Instant;
using docker::Result;
using docker::Status;
using docker::Task;

void FaultyEngine::fail(int nth, base::Error error, When when) { plans_.push_back({"", nth, std::move(error), when}); }

void FaultyEngine::fail(const std::string& verb, int nth, base::Error error, When when) {
    plans_.push_back({verb, nth, std::move(error), when});
}

/// Notes a call; the plans that it is the n-th call of.
std::vector<FaultyEngine::Plan> FaultyEngine::due(const char* verb) {
    calls_.emplace_back(verb);
    std::vector<Plan> now;
    for (auto plan = plans_.begin(); plan != plans_.end();) {
        const bool counts = plan->verb.empty() || plan->verb == verb;
        if (counts && --plan->left == 0) {
            now.push_back(std::move(*plan));
            plan = plans_.erase(plan);
        } else {
            ++plan;
        }
    }
    return now;
}

template <typename T>
Task<Result<T>> FaultyEngine::pass(const char* verb, Task<Result<T>> call) {
    const auto plans = due(verb);
    if (!plans.empty() && plans.front().when == When::before) co_return plans.front().error;
    auto result = co_await std::move(call);
    if (!plans.empty()) co_return plans.front().error;
    co_return result;
}

Task<Status> FaultyEngine::ping(Instant deadline) { return pass("ping", real_.ping(deadline)); }

Task<Result<docker::Version>> FaultyEngine::version(Instant deadline) {
    return pass("version", real_.version(deadline));
}

Task<Result<docker::Info>> FaultyEngine::info(Instant deadline) { return pass("info", real_.info(deadline)); }

Task<Result<docker::Image>> FaultyEngine::inspect_image(std::string reference, Instant deadline) {
    return pass("inspect_image", real_.inspect_image(std::move(reference), deadline));
}

Task<Status> FaultyEngine::build(std::string context, std::string tag, std::map<std::string, std::string> labels,
                                 std::function<void(std::string line)> line, Instant deadline) {
    return pass("build", real_.build(std::move(context), std::move(tag), std::move(labels), std::move(line), deadline));
}

Task<Status> FaultyEngine::pull(std::string reference, std::function<void(const docker::PullProgress&)> progress,
                                Instant deadline) {
    return pass("pull", real_.pull(std::move(reference), std::move(progress), deadline));
}

Task<Result<std::vector<std::string>>> FaultyEngine::image_names(std::string pattern, Instant deadline) {
    return pass("image_names", real_.image_names(std::move(pattern), deadline));
}

Task<Status> FaultyEngine::remove_image(std::string reference, Instant deadline) {
    return pass("remove_image", real_.remove_image(std::move(reference), deadline));
}

Task<Result<std::string>> FaultyEngine::create(docker::ContainerSpec spec, std::string name, Instant deadline) {
    return pass("create", real_.create(std::move(spec), std::move(name), deadline));
}

Task<Status> FaultyEngine::start(std::string id, Instant deadline) {
    return pass("start", real_.start(std::move(id), deadline));
}

Task<Status> FaultyEngine::kill(std::string id, std::string signal, Instant deadline) {
    return pass("kill", real_.kill(std::move(id), std::move(signal), deadline));
}

Task<Status> FaultyEngine::remove(std::string id, Instant deadline) {
    return pass("remove", real_.remove(std::move(id), deadline));
}

Task<Result<int>> FaultyEngine::wait(std::string id, std::string condition, Instant deadline) {
    return pass("wait", real_.wait(std::move(id), std::move(condition), deadline));
}

Task<Result<docker::ContainerState>> FaultyEngine::inspect(std::string id, Instant deadline) {
    return pass("inspect", real_.inspect(std::move(id), deadline));
}

Task<Result<std::vector<docker::ContainerSummary>>> FaultyEngine::list(std::vector<std::string> labels,
                                                                       Instant deadline) {
    return pass("list", real_.list(std::move(labels), deadline));
}

Task<Result<std::string>> FaultyEngine::logs(std::string id, int tail, Instant deadline) {
    return pass("logs", real_.logs(std::move(id), tail, deadline));
}

Task<void> FaultyEngine::events(std::vector<std::string> labels, std::function<void(const docker::EngineEvent&)> event,
                                std::function<void()> connected) {
    return real_.events(std::move(labels), std::move(event), std::move(connected));
}

Task<void> FaultyEngine::follow(std::int64_t since_nano, std::function<void(const docker::EngineEvent&)> event,
                                std::function<void()> connected) {
    return real_.follow(since_nano, std::move(event), std::move(connected));
}

}  // namespace shallop::test
