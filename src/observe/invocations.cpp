// SPDX-License-Identifier: Apache-2.0
#include <shallop/observe/invocations.h>

#include <algorithm>

namespace shallop::observe {
namespace {

constexpr std::size_t longest_path = 256;

bool ended(const Invocation& invocation) { return invocation.ended != WallTime{}; }

}  // namespace

void Invocations::report(Invocation invocation) {
    if (invocation.path.size() > longest_path) invocation.path.resize(longest_path);
    if (!ended(invocation)) {
        running_[invocation.id] = std::move(invocation);
        return;
    }
    running_.erase(invocation.id);
    ended_.push_back(std::move(invocation));
    if (ended_.size() > kept_) ended_.pop_front();
}

const Invocation* Invocations::find(std::string_view id) const {
    if (const auto at = running_.find(id); at != running_.end()) return &at->second;
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
    for (const auto& [id, one] : running_) consider(one);
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
