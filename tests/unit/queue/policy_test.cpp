// SPDX-License-Identifier: Apache-2.0
#include <shallop/queue/policy.h>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace shallop;
using namespace std::chrono_literals;
using queue::judge;
using queue::Ran;
using store::EventState;
using store::Millis;

namespace {

constexpr Millis now = 1'000'000'000;

store::EventRow event(int attempts = 1, Millis accepted = now) {
    store::EventRow row;
    row.attempts = attempts;
    row.accepted = accepted;
    return row;
}

Ran answered(int status, int exit_code = -1) {
    Ran ran;
    ran.http_status = status;
    ran.exit_code = exit_code;
    return ran;
}

Ran faulted(const char* fault) {
    Ran ran;
    ran.fault = fault;
    ran.detail = "in words";
    return ran;
}

function::Async without_jitter() {
    function::Async policy;
    policy.jitter = 0;
    return policy;
}

struct Row {
    Ran ran;
    EventState state;
    bool counts;
    std::string fault;
};

}  // namespace

TEST_CASE("how a run ended decides whether its event runs again, and whether that counts", "[queue]") {
    using enum EventState;
    auto killed = answered(200);
    killed.signal = 9;
    const std::vector<Row> table{
        {answered(200), succeeded, true, ""},
        {answered(204), succeeded, true, ""},
        {answered(302), succeeded, true, ""},
        {answered(399, 0), succeeded, true, ""},
        {answered(400), failed, true, "http_400"},
        {answered(404), failed, true, "http_404"},
        {answered(408), failed, true, "http_408"},
        {answered(499), failed, true, "http_499"},
        {answered(429), queued, false, "http_429"},
        {answered(503), queued, false, "http_503"},
        {answered(500), queued, true, "http_500"},
        {answered(502), queued, true, "http_502"},
        {answered(504), queued, true, "http_504"},
        {answered(599), queued, true, "http_599"},
        {answered(200, 1), queued, true, "exit_nonzero"},
        {answered(404, 3), queued, true, "exit_nonzero"},
        {answered(503, 3), queued, true, "exit_nonzero"},
        {killed, queued, true, "exit_nonzero"},
        {faulted("timed_out"), queued, true, "timed_out"},
        {faulted("function_failed"), queued, true, "function_failed"},
        {faulted("launch_failed"), queued, true, "launch_failed"},
        {faulted("start_timeout"), queued, true, "start_timeout"},
        {faulted("out_of_memory"), queued, true, "out_of_memory"},
        {faulted("engine_refused"), queued, true, "engine_refused"},
        {faulted("not_found"), queued, true, "not_found"},
        {faulted("storage"), queued, true, "storage"},
        {faulted("internal"), queued, true, "internal"},
        {faulted("overloaded"), queued, false, "overloaded"},
        {faulted("engine_down"), queued, false, "engine_down"},
        {faulted("shutting_down"), queued, false, "shutting_down"},
        {faulted("invalid"), failed, true, "invalid"},
        {faulted("too_large"), failed, true, "too_large"},
        {faulted("conflict"), failed, true, "conflict"},
        {faulted("gone"), failed, true, "gone"},
    };
    for (const auto& row : table) {
        CAPTURE(row.ran.fault, row.ran.http_status, row.ran.exit_code, row.ran.signal);
        const auto verdict = judge(without_jitter(), event(), row.ran, now, 0.5);
        CHECK(verdict.state == row.state);
        CHECK(verdict.counts == row.counts);
        CHECK(verdict.fault == row.fault);
        CHECK(verdict.detail.empty() == row.fault.empty());
        CHECK((verdict.due > now) == (row.state == queued));
    }
}

TEST_CASE("a fault tells its own words, a reply and a process what they are known by", "[queue]") {
    auto killed = answered(0);
    killed.signal = 11;
    CHECK(judge({}, event(), faulted("gone"), now, 0).detail == "in words");
    CHECK(judge({}, event(), answered(404), now, 0).detail == "the function answered 404");
    CHECK(judge({}, event(), answered(200, 7), now, 0).detail == "the process ended with exit code 7");
    CHECK(judge({}, event(), killed, now, 0).detail == "the process was ended by signal 11");
}

TEST_CASE("statuses of retry_on are tried again, and count", "[queue]") {
    auto policy = without_jitter();
    policy.retry_on = {302, 404};
    for (const int status : {302, 404}) {
        CAPTURE(status);
        const auto verdict = judge(policy, event(), answered(status), now, 0.5);
        CHECK(verdict.state == EventState::queued);
        CHECK(verdict.counts);
    }
    CHECK(judge(policy, event(), answered(409), now, 0.5).state == EventState::failed);
    CHECK(judge(policy, event(), answered(301), now, 0.5).state == EventState::succeeded);
}

TEST_CASE("the last attempt that counts is the last, and one that does not count never is", "[queue]") {
    auto policy = without_jitter();
    policy.max_attempts = 3;
    CHECK(judge(policy, event(2), answered(500), now, 0.5).state == EventState::queued);
    const auto last = judge(policy, event(3), answered(500), now, 0.5);
    CHECK(last.state == EventState::failed);
    CHECK(last.detail == "the function answered 500 (attempt 3 of 3)");
    const auto busy = judge(policy, event(3), answered(503), now, 0.5);
    CHECK(busy.state == EventState::queued);
    CHECK_FALSE(busy.counts);
}

TEST_CASE("an event that would be too old at its next attempt fails", "[queue]") {
    auto policy = without_jitter();
    policy.max_age = 60s;
    policy.backoff_initial = 10s;
    CHECK(judge(policy, event(1, now - 50'000), answered(500), now, 0.5).state == EventState::queued);
    const auto old = judge(policy, event(1, now - 50'001), answered(500), now, 0.5);
    CHECK(old.state == EventState::failed);
    CHECK(old.detail.find("older than 1m") != std::string::npos);
    CHECK(judge(policy, event(1, now - 50'001), answered(503), now, 0.5).state == EventState::failed);
    CHECK(judge(policy, event(1, now - 90'000), answered(200), now, 0.5).state == EventState::succeeded);
}

TEST_CASE("what the daemon's end cut off says nothing of the event", "[queue]") {
    auto ran = faulted("shutting_down");
    ran.stopped = true;
    const auto verdict = judge({}, event(100, 1), ran, now, 0.5);
    CHECK(verdict.state == EventState::queued);
    CHECK_FALSE(verdict.counts);
    CHECK(verdict.due == now);
    CHECK(verdict.fault == "interrupted");
}

TEST_CASE("what an operator cancelled is cancelled, however it ended", "[queue]") {
    for (auto ran : {answered(200), answered(500), faulted("conflict")}) {
        ran.cancelled = true;
        const auto verdict = judge({}, event(), ran, now, 0.5);
        CHECK(verdict.state == EventState::cancelled);
        CHECK(verdict.fault == "cancelled");
    }
}

TEST_CASE("waits grow by the factor, up to the longest", "[queue]") {
    auto policy = without_jitter();
    policy.backoff_initial = 1s;
    policy.backoff_factor = 3;
    policy.backoff_max = 20s;
    const std::vector<base::Duration> waits{1s, 3s, 9s, 20s, 20s};
    for (std::size_t at = 0; at < waits.size(); ++at) {
        CHECK(queue::backoff(policy, static_cast<int>(at) + 2, 0.5) == waits[at]);
        const auto verdict = judge(policy, event(1), answered(500), now, 0.5);
        CHECK(verdict.due == now + 1000);
    }
    CHECK(queue::backoff(policy, 1'000'000, 0.5) == 20s);
}

TEST_CASE("chance spreads a wait by the jitter to both sides", "[queue]") {
    function::Async policy;
    policy.backoff_initial = 10s;
    policy.jitter = 0.25;
    CHECK(queue::backoff(policy, 2, 0) == 7500ms);
    CHECK(queue::backoff(policy, 2, 0.5) == 10s);
    CHECK(queue::backoff(policy, 2, 1) == 12500ms);
    policy.jitter = 1;
    CHECK(queue::backoff(policy, 2, 0) == 0s);
    CHECK(judge(policy, event(), answered(500), now, 0).due == now + 1);
}

TEST_CASE("what is put off waits longer the longer it has waited, and as long as it was asked to", "[queue]") {
    auto policy = without_jitter();
    policy.backoff_initial = 1s;
    policy.backoff_max = 60s;
    const auto wait = [&](Millis age, base::Duration asked) {
        auto ran = answered(503);
        ran.retry_after = asked;
        return judge(policy, event(1, now - age), ran, now, 0.5).due - now;
    };
    CHECK(wait(0, 0s) == 1000);
    CHECK(wait(10'000, 0s) == 5000);
    CHECK(wait(1'000'000, 0s) == 60'000);
    CHECK(wait(0, 7s) == 7000);
    CHECK(wait(20'000, 7s) == 10'000);
    CHECK(wait(0, 1h) == 60'000);
}

TEST_CASE("what was cut off too often has failed, and no attempt was made", "[queue]") {
    const auto verdict = judge({}, event(1), faulted("interrupted"), now, 0.5);
    CHECK(verdict.state == EventState::failed);
    CHECK(verdict.fault == "interrupted");
    CHECK_FALSE(verdict.counts);
}
