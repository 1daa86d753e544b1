// SPDX-License-Identifier: Apache-2.0
#include <shallop/http/roster.h>
#include <shallop/http/wire.h>

#include <poll.h>
#include <utility>
#include <vector>

namespace shallop::http {
namespace {

constexpr async::Duration sweep_pause = std::chrono::milliseconds(100);

}  // namespace

bool Roster::evict_idle() {
    if (idle_.empty()) return false;
    idle_.front()->evict();  // leaves idle_
    return true;
}

void Roster::evict_all_idle() {
    while (evict_idle()) {
    }
}

void Roster::sweep(async::Instant now) {
    // An expired idle connection stays in the list until its task has run; the order makes the first live one the end
    // of the search.
    for (Wire* wire : idle_) {
        if (!wire->expire(now)) break;
    }
    for (Wire* wire : busy_) wire->expire(now);
    find_hung_up();
}

async::Task<void> Roster::keep_sweeping(async::Clock& clock) {
    while (true) {
        while (busy_.empty() && idle_.empty()) co_await opened_.wait();
        co_await clock.sleep_for(sweep_pause);
        sweep(clock.now());
    }
}

void Roster::find_hung_up() {
    std::vector<Wire*> watching;
    std::vector<pollfd> polled;
    const auto watch = [&](Wire* wire) {
        const auto watched = wire->watched();
        if (watched.fd < 0) return false;
        watching.push_back(wire);
        polled.push_back(watched);
        return true;
    };
    for (Wire* wire : busy_) watch(wire);
    // The last to become idle are at the end; before them lie those that were looked at once.
    for (auto at = idle_.rbegin(); at != idle_.rend() && watch(*at); ++at) {
    }
    if (polled.empty() || ::poll(polled.data(), polled.size(), 0) <= 0) return;
    for (std::size_t i = 0; i < polled.size(); ++i) {
        if (polled[i].revents != 0) watching[i]->noticed(polled[i].revents);
    }
}

}  // namespace shallop::http
