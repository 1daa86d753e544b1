// SPDX-License-Identifier: Apache-2.0
#include "cli/followers.h"

#include "cli/log_lines.h"
#include "cli/rest.h"

namespace shallop::cli {

/// All are told before the first is waited for, so that the end of all takes no longer than that of one.
Followers::~Followers() {
    for (auto& [name, follower] : followers_) follower->stop = true;
    for (auto& [name, follower] : followers_) follower->thread.join();
}

void Followers::run(Follower& follower, const std::string& name) const {
    Rest rest(server_);
    LogLines lines([&](std::string_view object) { sink_(name, object); });
    Request request;
    // How long ago, and not when: the daemon's clock may be another.
    const auto ago = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - follower.from).count();
    request.path = "/v1/functions/" + percent_encoded(name) + "/logs?follow=true&since=" + std::to_string(ago) + "s";
    request.stop = &follower.stop;
    request.choose_sink = [&](const Head& head) -> std::function<void(std::string_view)> {
        if (head.status != 200) return {};
        return [&](std::string_view piece) { lines.add(piece); };
    };
    // Why it ended does not matter here: the next change says it aloud if the daemon is gone.
    [[maybe_unused]] const auto ended = rest.call(request);
    follower.ended = true;
}

std::size_t Followers::follow(const std::set<std::string>& names) {
    for (auto& [name, follower] : followers_) {
        if (!names.contains(name)) follower->stop = true;
    }
    std::map<std::string, Instant> ended;
    for (auto at = followers_.begin(); at != followers_.end();) {
        auto& follower = *at->second;
        if (!follower.stop && !follower.ended) {
            ++at;
            continue;
        }
        follower.thread.join();
        ended[at->first] = std::chrono::steady_clock::now();
        at = followers_.erase(at);
    }
    for (const auto& name : names) {
        if (followers_.size() >= most) break;
        auto [at, added] = followers_.try_emplace(name);
        if (!added) continue;
        const auto before = ended.find(name);
        at->second = std::make_unique<Follower>();
        at->second->from = before == ended.end() ? made_ : before->second;
        at->second->thread = std::thread([this, &follower = *at->second, name] { run(follower, name); });
    }
    return names.size() > followers_.size() ? names.size() - followers_.size() : 0;
}

}  // namespace shallop::cli
