// SPDX-License-Identifier: Apache-2.0
#include "contract/stderr_lines.h"

#include <algorithm>
#include <utility>

namespace shallop::contract {

void StderrLines::feed(std::span<const char> bytes, async::Instant now) {
    std::string_view rest(bytes.data(), bytes.size());
    while (!rest.empty()) {
        const auto newline = rest.find('\n');
        const auto size = std::min({newline, rest.size(), longest - open_.size()});
        open_.append(rest.substr(0, size));
        const bool whole = size == newline;
        rest.remove_prefix(size + (whole ? 1 : 0));
        if (whole || open_.size() == longest) end_line(now);
    }
}

void StderrLines::finish(async::Instant now) {
    if (!open_.empty()) end_line(now);
    tell_dropped();
}

void StderrLines::end_line(async::Instant now) {
    const auto elapsed = std::chrono::duration<double>(now - at_).count();
    const auto rate = static_cast<double>(rate_);
    allowed_ = std::min(rate, allowed_ + elapsed * rate);
    at_ = now;
    const auto cost = static_cast<double>(open_.size() + 1);
    if (cost > allowed_) {
        dropped_ += open_.size() + 1;
        open_.clear();
        return;
    }
    tell_dropped();
    allowed_ -= cost;
    if (open_.ends_with('\r')) open_.pop_back();
    if (line_) line_(std::exchange(open_, {}));
    open_.clear();
}

void StderrLines::tell_dropped() {
    if (dropped_ == 0) return;
    const auto text = "[" + std::to_string(std::exchange(dropped_, 0)) + " bytes of stderr dropped: limits.log_rate]";
    if (line_) line_(text);
}

}  // namespace shallop::contract
