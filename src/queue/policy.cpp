// SPDX-License-Identifier: Apache-2.0
#include <shallop/queue/policy.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace shallop::queue {
namespace {

using store::EventState;

enum class Kind { succeeded, again, put_off, final };

Kind kind_of_fault(std::string_view fault) {
    constexpr std::array<std::string_view, 3> busy{"overloaded", "engine_down", "shutting_down"};
    constexpr std::array<std::string_view, 5> final{"invalid", "too_large", "conflict", "gone", "interrupted"};
    const auto is = [&](std::string_view word) { return word == fault; };
    if (std::any_of(busy.begin(), busy.end(), is)) return Kind::put_off;
    return std::any_of(final.begin(), final.end(), is) ? Kind::final : Kind::again;
}

Kind kind_of(const function::Async& policy, const Ran& ran) {
    if (!ran.fault.empty()) return kind_of_fault(ran.fault);
    if (ran.exit_code > 0 || ran.signal > 0) return Kind::again;
    if (ran.http_status == 429 || ran.http_status == 503) return Kind::put_off;
    if (ran.http_status >= 500) return Kind::again;
    const auto& more = policy.retry_on;
    if (std::find(more.begin(), more.end(), ran.http_status) != more.end()) return Kind::again;
    return ran.http_status >= 400 ? Kind::final : Kind::succeeded;
}

/// The reason as one word, also where there was a reply.
std::string word_of(const Ran& ran) {
    if (!ran.fault.empty()) return ran.fault;
    if (ran.exit_code > 0 || ran.signal > 0) return "exit_nonzero";
    return "http_" + std::to_string(ran.http_status);
}

std::string words_of(const Ran& ran) {
    if (!ran.detail.empty()) return ran.detail;
    if (ran.signal > 0) return "the process was ended by signal " + std::to_string(ran.signal);
    if (ran.exit_code > 0) return "the process ended with exit code " + std::to_string(ran.exit_code);
    return "the function answered " + std::to_string(ran.http_status);
}

Millis in_millis(Duration duration) { return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(); }

/// What was put off waits for half as long as it has been waiting: longer and longer, without a count of its own.
Duration wait_put_off(const function::Async& policy, const store::EventRow& event, const Ran& ran, Millis now) {
    const Duration aged = std::chrono::milliseconds((now - event.accepted) / 2);
    const auto longest = std::max(policy.backoff_max, policy.backoff_initial);
    return std::max(std::clamp(aged, policy.backoff_initial, longest), std::min(ran.retry_after, longest));
}

}  // namespace

Duration backoff(const function::Async& policy, int next, double chance) {
    const auto initial = std::chrono::duration<double>(policy.backoff_initial).count();
    const auto longest = std::chrono::duration<double>(policy.backoff_max).count();
    const auto grown = std::min(initial * std::pow(policy.backoff_factor, std::max(next, 2) - 2), longest);
    const auto spread = grown * (1 + policy.jitter * (2 * chance - 1));
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(spread));
}

Verdict judge(const function::Async& policy, const store::EventRow& event, const Ran& ran, Millis now, double chance) {
    Verdict verdict;
    if (ran.stopped) {
        verdict = {EventState::queued, false, now, "interrupted", "the daemon was stopped while this ran"};
        return verdict;
    }
    if (ran.cancelled) {
        verdict = {EventState::cancelled, true, 0, "cancelled", "cancelled by an operator while it ran"};
        return verdict;
    }
    const auto kind = kind_of(policy, ran);
    if (kind == Kind::succeeded) return verdict;
    verdict.fault = word_of(ran);
    verdict.detail = words_of(ran);
    verdict.state = EventState::failed;
    verdict.counts = kind != Kind::put_off && ran.fault != "interrupted";  // it has not run this time
    if (kind == Kind::final) return verdict;
    if (verdict.counts && event.attempts >= policy.max_attempts) {
        verdict.detail +=
            " (attempt " + std::to_string(event.attempts) + " of " + std::to_string(policy.max_attempts) + ")";
        return verdict;
    }
    const auto wait =
        verdict.counts ? backoff(policy, event.attempts + 1, chance) : wait_put_off(policy, event, ran, now);
    verdict.due = now + std::max<Millis>(in_millis(wait), 1);
    if (verdict.due > event.accepted + in_millis(policy.max_age)) {
        verdict.detail += " (older than " + base::format_duration(policy.max_age) + " before its next attempt)";
        return verdict;
    }
    verdict.state = EventState::queued;
    return verdict;
}

}  // namespace shallop::queue
