// SPDX-License-Identifier: Apache-2.0
#include <shallop/base/result.h>
#include <shallop/observe/invocations.h>

#include <algorithm>

namespace shallop::observe {
namespace {

/// As new, but with the memory it has.
void clear(Invocation& one) {
    for (auto* text : {&one.id, &one.function, &one.method, &one.path, &one.status, &one.fault, &one.detail})
        text->clear();
    one.version = one.http_status = one.signal = one.attempt = 0;
    one.exit_code = -1;
    one.received = one.ended = WallTime{};
    one.queue = one.start = one.run = one.cpu = Duration{};
    one.max_rss = one.bytes_in = one.bytes_out = 0;
}

}  // namespace

std::unique_ptr<Invocation> Invocations::started() {
    auto one = spare_ ? std::move(spare_) : std::make_unique<Invocation>();
    one->place = running_.size();
    running_.push_back(one.get());
    return one;
}

void Invocations::ended(std::unique_ptr<Invocation> one) {
    base::ensure(running_.at(one->place) == one.get(), "an invocation that ends was running");
    running_[one->place] = running_.back();
    running_[one->place]->place = one->place;
    running_.pop_back();
    ended_.push_back(std::move(one));
    if (ended_.size() <= kept_) return;
    spare_ = std::move(ended_.front());
    ended_.pop_front();
    clear(*spare_);
}

const Invocation* Invocations::find(std::string_view id) const {
    const auto is_it = [&](const Invocation* one) { return one->id == id; };
    const auto running = std::find_if(running_.begin(), running_.end(), is_it);
    if (running != running_.end()) return *running;
    const auto at = std::find_if(ended_.rbegin(), ended_.rend(), [&](const auto& one) { return one->id == id; });
    return at == ended_.rend() ? nullptr : at->get();
}

std::vector<Invocation> Invocations::list(std::string_view function, std::string_view status, std::string_view before,
                                          std::size_t limit) const {
    std::vector<const Invocation*> found;
    const auto consider = [&](const Invocation& one) {
        if (one.attempt > 0) return;
        if (!function.empty() && one.function != function) return;
        if (!status.empty() && one.status != status) return;
        if (!before.empty() && one.id >= before) return;
        found.push_back(&one);
    };
    for (const auto* one : running_) consider(*one);
    for (const auto& one : ended_) consider(*one);
    // Ids sort by their time of making, so the newest first is the largest first.
    std::sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return a->id > b->id; });
    if (found.size() > limit) found.resize(limit);
    std::vector<Invocation> page;
    page.reserve(found.size());
    for (const auto* one : found) page.push_back(*one);
    return page;
}

}  // namespace shallop::observe
