// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/result.h>
#include <shallop/observe/invocations.h>

#include <algorithm>

namespace shallop::observe {
void Invocations::started(Invocation& running) {
    running.place = running_.size();
    running_.push_back(&running);
}

void Invocations::ended(Invocation& one) {
    base::ensure(running_.at(one.place) == &one, "an invocation that ends was running");
    running_[one.place] = running_.back();
    running_[one.place]->place = one.place;
    running_.pop_back();
    ended_.push_back(std::move(one));
    if (ended_.size() > kept_) ended_.pop_front();
}

const Invocation* Invocations::find(std::string_view id) const {
    const auto is_it = [&](const Invocation* one) { return one->id == id; };
    const auto running = std::find_if(running_.begin(), running_.end(), is_it);
    if (running != running_.end()) return *running;
    const auto at = std::find_if(ended_.rbegin(), ended_.rend(), [&](const auto& one) { return one.id == id; });
    return at == ended_.rend() ? nullptr : &*at;
}

std::vector<Invocation> Invocations::list(std::string_view function, std::string_view status, std::string_view before,
                                          std::size_t limit) const {
    std::vector<const Invocation*> found;
    const auto consider = [&](const Invocation& one) {
        if (!function.empty() && one.function != function) return;
        if (!status.empty() && one.status != status) return;
        if (!before.empty() && one.id >= before) return;
        found.push_back(&one);
    };
    for (const auto* one : running_) consider(*one);
    for (const auto& one : ended_) consider(one);
    // Ids sort by their time of making, so the newest first is the largest first.
    std::sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return a->id > b->id; });
    if (found.size() > limit) found.resize(limit);
    std::vector<Invocation> page;
    page.reserve(found.size());
    for (const auto* one : found) page.push_back(*one);
    return page;
}

}  // namespace shallop::observe
