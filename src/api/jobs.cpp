// SPDX-License-Identifier: Apache-2.0
// /v1/jobs: many runs of one image or function.
#include <algorithm>
#include <array>

#include "api/endpoint.h"
#include "api/invocation_json.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t usual_page = 50;

Json time_or_null(const Call& call, store::Millis at) {
    return at == 0 ? Json(nullptr) : Json(base::format_time(call.parts.queue.wall(at)));
}

Json describe_job(const queue::JobView& job, const Call& call) {
    return {{"id", job.row.id},
            {"state", job.row.state},
            {"created", time_or_null(call, job.row.created)},
            {"ended", time_or_null(call, job.row.ended)},
            {"kept_until", time_or_null(call, job.row.keep_until)},
            {"completions", job.queued + job.running + job.succeeded + job.failed + job.cancelled},
            {"indexes",
             {{"queued", job.queued},
              {"running", job.running},
              {"succeeded", job.succeeded},
              {"failed", job.failed},
              {"cancelled", job.cancelled}}},
            {"job", Json::parse(job.row.document)}};
}

/// An index as its invocation, with its number. What it printed is asked for index by index.
Json describe_index(const queue::Kept& one, std::size_t index, const Call& call) {
    const int exit_code = one.attempts.empty() ? -1 : one.attempts.back().exit_code;
    return {{"index", index},
            {"exit_code", exit_code < 0 ? Json(nullptr) : Json(exit_code)},
            {"invocation", describe(one, call.parts.invocations.find(one.row.id), call.parts.queue, Detail::attempts)}};
}

AnswerTask create(Call& call) {
    const auto made = co_await call.parts.jobs.put(call.body);
    if (!made) co_return made.error();
    auto answer = json_answer(describe_job(*made, call), 202);
    answer.fields.push_back({"Location", "/v1/jobs/" + made->row.id});
    co_return answer;
}

AnswerTask list(Call& call) {
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    const auto found = co_await call.parts.jobs.list(page->cursor, page->to_fetch());
    if (!found) co_return found.error();
    auto items = Json::array();
    for (const auto& job : *found) items.push_back(describe_job(job, call));
    co_return page_answer("jobs", std::move(items), *page, "id");
}

AnswerTask show(Call& call) {
    const auto found = co_await call.parts.jobs.find(call.words.at(0));
    if (!found) co_return found.error();
    co_return json_answer(describe_job(*found, call));
}

/// ?from= is the first index.
AnswerTask indexes(Call& call) {
    const auto limit = call.query.count("limit", usual_page, 1000);
    const auto from = call.query.has("from") ? call.query.count("from", 0, 10'000) : Result<std::size_t>(0U);
    if (!limit) co_return limit.error();
    if (!from) co_return from.error();
    const auto found = co_await call.parts.jobs.indexes(call.words.at(0), *from, *limit);
    if (!found) co_return found.error();
    auto items = Json::array();
    auto index = *from;
    for (const auto& one : *found) items.push_back(describe_index(one, index++, call));
    co_return json_answer({{"indexes", std::move(items)}});
}

/// What one index has printed: the log of its attempts, then its output.
AnswerTask log(Call& call) {
    const auto& number = call.words.at(1);
    const bool digits =
        number.size() <= 5 && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) co_return Error(Fault::invalid, "an index is a number from 0");
    const std::size_t at = std::stoul(number);
    const auto found = co_await call.parts.jobs.indexes(call.words.at(0), at, 1);
    if (!found) co_return found.error();
    const auto absent = [&] { return Error(Fault::not_found, "this job has no index " + number); };
    if (found->empty()) co_return absent();
    const auto whole = co_await call.parts.queue.find(found->front().row.id);
    if (!whole) co_return whole.error();
    if (!*whole) co_return absent();
    const auto& one = **whole;
    std::string text;
    for (const auto& attempt : one.attempts) text += attempt.log;
    if (one.reply) text += one.reply->body;
    co_return text_answer(std::move(text));
}

AnswerTask cancel(Call& call) {
    const auto done = co_await call.parts.jobs.cancel(call.words.at(0));
    if (!done) co_return done.error();
    co_return json_answer(describe_job(*done, call), 202);
}

AnswerTask remove(Call& call) {
    const auto done = co_await call.parts.jobs.remove(call.words.at(0));
    if (!done) co_return done.error();
    Answer nothing;
    nothing.status = 204;
    co_return nothing;
}

constexpr std::array<Endpoint, 7> table{{
    {"POST", "/v1/jobs", create, Access::deploy, Takes::json},
    {"GET", "/v1/jobs", list, Access::deploy, Takes::nothing, "limit cursor"},
    {"GET", "/v1/jobs/{id}", show, Access::deploy},
    {"DELETE", "/v1/jobs/{id}", remove, Access::deploy},
    {"GET", "/v1/jobs/{id}/indexes", indexes, Access::deploy, Takes::nothing, "from limit"},
    {"GET", "/v1/jobs/{id}/indexes/{index}/log", log, Access::deploy},
    {"POST", "/v1/jobs/{id}/cancel", cancel, Access::deploy},
}};

}  // namespace

std::span<const Endpoint> job_endpoints() { return table; }

}  // namespace shallop::api
