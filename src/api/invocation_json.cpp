// SPDX-License-Identifier: Apache-2.0
#include "api/invocation_json.h"

#include <shallop/base/encoding.h>
#include <shallop/base/log.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using observe::Invocation;

constexpr std::array<std::string_view, 5> states{"queued", "running", "succeeded", "failed", "cancelled"};

/// Milliseconds to the microsecond.
double ms(base::Duration duration) {
    return std::round(std::chrono::duration<double, std::micro>(duration).count()) / 1000.0;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json number_or_null(int number, int none) { return number == none ? Json(nullptr) : Json(number); }

Json timings(const Invocation& one) {
    return {{"queue_ms", ms(one.queue)}, {"start_ms", ms(one.start)}, {"run_ms", ms(one.run)}, {"cpu_ms", ms(one.cpu)}};
}

Json time_or_null(const queue::Queue& queue, store::Millis at) {
    return at == 0 ? Json(nullptr) : Json(base::format_time(queue.wall(at)));
}

Json describe(const store::Attempt& attempt, std::size_t number, const queue::Queue& queue) {
    return {{"number", number},
            {"started", time_or_null(queue, attempt.started)},
            {"ended", time_or_null(queue, attempt.ended)},
            {"outcome", attempt.outcome},
            {"detail", text_or_null(attempt.detail)},
            {"http_status", number_or_null(attempt.http_status, 0)},
            {"exit_code", number_or_null(attempt.exit_code, -1)},
            {"counted", attempt.counted}};
}

Json describe(const store::KeptReply& reply) {
    Json json{{"status", reply.status}, {"fields", Json::parse(reply.fields, nullptr, false)}};
    add_body(json, reply.body);
    json["truncated"] = reply.truncated;
    return json;
}

}  // namespace

std::string_view name(store::EventState state) {
    return state == store::EventState::waiting ? states[0] : states.at(static_cast<std::size_t>(state));
}

Result<store::EventState> state_of(std::string_view name) {
    const auto at = std::find(states.begin(), states.end(), name);
    if (at != states.end()) return static_cast<store::EventState>(at - states.begin());
    return Error(Fault::invalid, "the parameter 'status' must be queued, running, succeeded, failed or cancelled");
}

void add_body(Json& into, const std::string& bytes) {
    if (base::is_utf8(bytes)) {
        into["body"] = bytes;
    } else {
        into["body_base64"] = base::to_base64(bytes);
    }
}

Json describe(const Invocation& one) {
    const bool ended = one.ended != observe::WallTime{};
    return {{"id", one.id},
            {"function", one.function},
            {"version", one.version},
            {"method", one.method},
            {"path", one.path},
            {"status", one.status},
            {"fault", text_or_null(one.fault)},
            {"detail", text_or_null(one.detail)},
            {"http_status", number_or_null(one.http_status, 0)},
            {"exit_code", number_or_null(one.exit_code, -1)},
            {"signal", number_or_null(one.signal, 0)},
            {"received", base::format_time(one.received)},
            {"ended", ended ? Json(base::format_time(one.ended)) : Json(nullptr)},
            {"timings", timings(one)},
            {"max_rss", one.max_rss},
            {"bytes_in", one.bytes_in},
            {"bytes_out", one.bytes_out},
            {"queued", nullptr}};
}

Json describe(const queue::Kept& one, const Invocation* last, const queue::Queue& queue, Detail detail) {
    const Invocation none;
    const auto& run = last == nullptr ? none : *last;
    const auto& row = one.row;
    Json json{{"id", row.id},
              {"function", row.function},
              {"version", number_or_null(static_cast<int>(run.version), 0)},
              {"method", one.event.method},
              {"path", one.event.target.substr(0, std::min(one.event.target.find('?'), observe::longest_path))},
              {"status", name(row.state)},
              {"fault", text_or_null(row.fault)},
              {"detail", text_or_null(row.detail)},
              {"http_status", number_or_null(row.http_status, 0)},
              {"exit_code", number_or_null(run.exit_code, -1)},
              {"signal", number_or_null(run.signal, 0)},
              {"received", base::format_time(queue.wall(row.accepted))},
              {"ended", time_or_null(queue, row.ended)},
              {"timings", timings(run)},
              {"max_rss", run.max_rss},
              {"bytes_in", row.bytes},
              {"bytes_out", run.bytes_out}};
    const bool waits = row.state == store::EventState::queued || row.state == store::EventState::waiting;
    Json queued{{"origin", row.origin},
                {"attempts", row.attempts},
                {"due", waits ? time_or_null(queue, row.due) : Json(nullptr)},
                {"ordering_key", text_or_null(row.ordering_key)},
                {"callback", text_or_null(row.callback)},
                {"kept_until", time_or_null(queue, row.keep_until)}};
    if (detail != Detail::none) {
        queued["history"] = Json::array();
        for (std::size_t at = 0; at < one.attempts.size(); ++at) {
            auto attempt = describe(one.attempts[at], at + 1, queue);
            if (detail == Detail::whole) attempt["log"] = one.attempts[at].log;
            queued["history"].push_back(std::move(attempt));
        }
    }
    if (detail == Detail::whole) queued["reply"] = one.reply ? describe(*one.reply) : Json(nullptr);
    json["queued"] = std::move(queued);
    return json;
}

}  // namespace shallop::api
