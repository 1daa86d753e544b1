// SPDX-License-Identifier: Apache-2.0
// /v1/invocations: what runs, and what ran lately.
#include <algorithm>
#include <array>
#include <cmath>

#include "api/endpoint.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using observe::Invocation;

constexpr std::size_t usual_page = 50;
constexpr std::array<std::string_view, 5> states{"queued", "running", "succeeded", "failed", "cancelled"};

/// Milliseconds to the microsecond.
double ms(base::Duration duration) {
    return std::round(std::chrono::duration<double, std::micro>(duration).count()) / 1000.0;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json number_or_null(int number, int none) { return number == none ? Json(nullptr) : Json(number); }

Json describe(const Invocation& one) {
    const bool ended = one.ended != observe::WallTime{};
    return {
        {"id", one.id},
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
        {"timings",
         {{"queue_ms", ms(one.queue)}, {"start_ms", ms(one.start)}, {"run_ms", ms(one.run)}, {"cpu_ms", ms(one.cpu)}}},
        {"max_rss", one.max_rss},
        {"bytes_in", one.bytes_in},
        {"bytes_out", one.bytes_out}};
}

Error unknown_invocation(const std::string& id) {
    return {Fault::not_found,
            "there is no invocation '" + id.substr(0, 40) + "' among those running and the last 1,000 ended"};
}

AnswerTask list(Call& call) {
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    const auto status = call.query.text("status");
    if (!status.empty() && std::find(states.begin(), states.end(), status) == states.end()) {
        co_return Error(Fault::invalid,
                        "the parameter 'status' must be queued, running, succeeded, failed or cancelled");
    }
    const auto found = call.parts.invocations.list(call.query.text("function"), status, page->cursor, page->to_fetch());
    auto items = Json::array();
    for (const auto& one : found) items.push_back(describe(one));
    co_return page_answer("invocations", std::move(items), *page, "id");
}

AnswerTask show(Call& call) {
    const auto* found = call.parts.invocations.find(call.words.at(0));
    if (found == nullptr) co_return unknown_invocation(call.words.at(0));
    co_return json_answer(describe(*found));
}

AnswerTask cancel(Call& call) {
    const auto id = call.words.at(0);
    const auto* found = call.parts.invocations.find(id);
    if (found == nullptr) co_return unknown_invocation(id);
    if (!call.parts.invoker.cancel(id)) co_return Error(Fault::conflict, "this invocation has already ended");
    found = call.parts.invocations.find(id);
    if (found == nullptr) co_return unknown_invocation(id);
    co_return json_answer(describe(*found), 202);
}

AnswerTask replay(Call& call) {
    if (call.parts.invocations.find(call.words.at(0)) == nullptr) co_return unknown_invocation(call.words.at(0));
    co_return Error(Fault::conflict,
                    "only a queued event is kept and can be run again, and this version queues none; send the "
                    "request to the function once more");
}

constexpr std::array<Endpoint, 4> table{{
    {"GET", "/v1/invocations", list, Access::token, Takes::nothing, "function status limit cursor"},
    {"GET", "/v1/invocations/{id}", show},
    {"POST", "/v1/invocations/{id}/cancel", cancel},
    {"POST", "/v1/invocations/{id}/replay", replay},
}};

}  // namespace

std::span<const Endpoint> invocation_endpoints() { return table; }

}  // namespace shallop::api
