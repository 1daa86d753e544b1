// SPDX-License-Identifier: Apache-2.0
#include <shallop/async/race.h>
#include <shallop/instance/janitor.h>

#include <algorithm>
#include <vector>

namespace shallop::instance {
namespace {

constexpr const char* daemon_label = "shallop.daemon";
constexpr const char* instance_label = "shallop.instance";
constexpr auto removal_timeout = std::chrono::seconds(30);
constexpr auto list_timeout = std::chrono::seconds(10);
constexpr auto own_end = std::chrono::milliseconds(500);
constexpr auto last_effort = std::chrono::seconds(3);
constexpr auto look_pause = std::chrono::milliseconds(500);
constexpr auto breath = std::chrono::milliseconds(20);

/// 1 s, 2 s, 4 s … 60 s between attempts to remove one container.
base::Duration backoff(int attempts) { return std::chrono::seconds(std::min(60, 1 << std::min(attempts, 6))); }

std::string label(const std::map<std::string, std::string>& labels, const char* name) {
    const auto at = labels.find(name);
    return at == labels.end() ? std::string() : at->second;
}

}  // namespace

Janitor::Janitor(Settings settings, docker::Engine& engine, async::Clock& clock, base::Log& log,
                 async::Executor executor)
    : settings_(std::move(settings)),
      engine_(engine),
      clock_(clock),
      log_(log),
      changed_(executor),
      tasks_(executor, log) {}

void Janitor::adopt(const std::string& instance) { adopted_.insert(instance); }

void Janitor::retire(const std::string& instance, const std::string& container) {
    adopted_.erase(instance);
    retired_[instance] = Retired{container, clock_.now() + settings_.patience};
    changed_.notify_all();
}

void Janitor::discard(const std::string& instance, const std::string& container) {
    adopted_.erase(instance);
    retired_[instance] = Retired{container, clock_.now()};
    changed_.notify_all();
}

void Janitor::gone(const std::string& instance) {
    if (retired_.erase(instance) > 0) changed_.notify_all();
}

Task<void> Janitor::run() {
    tasks_.spawn("janitor", work_off());
    tasks_.spawn("sweep", sweep_regularly());
    const std::vector<std::string> ours{std::string(daemon_label) + "=" + settings_.daemon_id};
    const auto event = [this](const docker::EngineEvent& one) {
        if (one.action == "destroy") gone(label(one.attributes, instance_label));
    };
    const auto connected = [this] {
        sweep_wanted_ = true;
        changed_.notify_all();
    };
    co_await engine_.events(ours, event, connected);
}

Task<void> Janitor::sweep_regularly() {
    for (;;) {
        const auto next = clock_.now() + settings_.sweep_every;
        sweep_wanted_ = false;
        co_await sweep();
        while (!sweep_wanted_ && clock_.now() < next) {
            auto changed = changed_.wait();
            auto timer = clock_.sleep_until(next);
            co_await async::race(std::move(changed), std::move(timer));
        }
    }
}

Task<base::Result<std::size_t>> Janitor::sweep() {
    std::vector<std::string> ours;
    ours.push_back(std::string(daemon_label) + "=" + settings_.daemon_id);
    std::set<std::string> ended;  // and made before the engine is asked
    for (const auto& [instance, one] : retired_) {
        if (!one.container.empty()) ended.insert(instance);
    }
    const auto listed = co_await engine_.list(std::move(ours), clock_.now() + list_timeout);
    if (!listed) co_return listed.error();
    std::set<std::string> present;
    std::size_t found = 0;
    for (const auto& container : *listed) {
        const auto instance = label(container.labels, instance_label);
        present.insert(instance);
        if (adopted_.contains(instance) || retired_.contains(instance)) continue;
        retired_[instance.empty() ? container.id : instance] = Retired{container.id, clock_.now()};
        ++found;
    }
    // Gone, whatever the event stream missed: an engine that was killed tells nothing of what it has lost sight of.
    std::erase_if(retired_, [&](const auto& one) { return ended.contains(one.first) && !present.contains(one.first); });
    if (found > 0) log_.warn("removing containers without an owner", {{"count", found}});
    changed_.notify_all();
    co_return found;
}

Task<void> Janitor::work_off() {
    for (;;) {
        remove_overdue();
        auto next = clock_.now() + settings_.sweep_every;
        for (const auto& [instance, one] : retired_) {
            if (!one.removing) next = std::min(next, std::max(one.look_at, clock_.now() + breath));
        }
        auto changed = changed_.wait();
        auto timer = clock_.sleep_until(next);
        co_await async::race(std::move(changed), std::move(timer));
    }
}

/// Starts a removal for each container that is due, within the bound: one that is stuck holds up none of the others' places but its own.
void Janitor::remove_overdue() {
    const auto now = clock_.now();
    for (auto& [instance, one] : retired_) {
        if (removing_ >= settings_.removals_in_flight) return;
        if (one.removing || one.look_at > now) continue;
        one.removing = true;
        one.look_at = now + backoff(++one.attempts);
        ++removing_;
        tasks_.spawn("remove", remove_retired(instance, one.container));
    }
}

Task<void> Janitor::remove_retired(std::string instance, std::string container) {
    struct Place {
        Janitor& janitor;
        ~Place() {
            --janitor.removing_;
            janitor.changed_.notify_all();
        }
    } place{*this};
    const auto removed = co_await remove_one(instance, container);
    const auto at = retired_.find(instance);
    if (at == retired_.end()) co_return;
    at->second.removing = false;
    // Of a container whose creation got no answer it is not known whether it will still appear: look twice.
    if (removed && (!container.empty() || at->second.attempts > 1)) {
        gone(instance);
    } else if (!removed) {
        log_.warn("a container could not be removed yet",
                  {{"instance", instance}, {"container", container}, {"reason", removed.error().detail}});
    }
}

/// Removes by id or, where the id is not known, by label: at most what one lost answer of create can have made.
Task<base::Status> Janitor::remove_one(std::string instance, std::string container) {
    const auto deadline = clock_.now() + removal_timeout;
    if (!container.empty()) co_return co_await engine_.remove(container, deadline);
    std::vector<std::string> labels;
    labels.push_back(std::string(daemon_label) + "=" + settings_.daemon_id);
    labels.push_back(std::string(instance_label) + "=" + instance);
    const auto listed = co_await engine_.list(std::move(labels), deadline);
    if (!listed) co_return listed.error();
    for (const auto& one : *listed) {
        const auto id = one.id;
        const auto removed = co_await engine_.remove(id, deadline);
        if (!removed) co_return removed;
    }
    co_return base::Status();
}

Task<void> Janitor::drain(Instant deadline) {
    // No create is under way any more: one look tells whether those without an answer have made anything.
    for (auto& [instance, one] : retired_) {
        if (!one.container.empty()) continue;
        one.look_at = clock_.now();
        one.attempts = std::max(one.attempts, 1);
    }
    changed_.notify_all();
    tasks_.spawn("look", keep_looking());
    // Most end by themselves at once. What was not seen to, such as a container whose start got no answer, is not waited for as it would be later.
    co_await until_empty(std::min(deadline, clock_.now() + own_end));
    hasten();
    co_await until_empty(deadline);
    hasten();
    co_await until_empty(clock_.now() + last_effort);
    tasks_.cancel();
    co_await tasks_.join();
}

void Janitor::hasten() {
    for (auto& [instance, one] : retired_) one.look_at = clock_.now();
    changed_.notify_all();
}

/// Events say sooner what is gone, but not always.
Task<void> Janitor::keep_looking() {
    for (;;) {
        co_await clock_.sleep_for(look_pause);
        co_await sweep();
    }
}

Task<void> Janitor::until_empty(Instant deadline) {
    while (!retired_.empty() && clock_.now() < deadline) {
        auto changed = changed_.wait();
        auto timer = clock_.sleep_until(deadline);
        co_await async::race(std::move(changed), std::move(timer));
    }
}

}  // namespace shallop::instance
