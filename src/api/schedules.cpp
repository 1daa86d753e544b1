// SPDX-License-Identifier: Apache-2.0
// /v1/schedules: when functions run by themselves.
#include <shallop/trigger/scheduler.h>

#include <array>

#include "api/endpoint.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using trigger::SchedulePtr;
using trigger::Scheduler;

constexpr std::size_t usual_page = 100;

Result<Scheduler*> scheduler_of(const Call& call) {
    if (call.parts.schedules != nullptr) return call.parts.schedules;
    return Error(Fault::not_found, "this server keeps no schedules");
}

Answer resource_answer(const Scheduler& scheduler, const SchedulePtr& schedule, int status = 200) {
    Answer answer;
    answer.status = status;
    answer.body = trigger::format_schedule(*schedule, scheduler.now()) + "\n";
    return answer;
}

/// All of `function`, or of every one.
AnswerTask page_of_schedules(Call& call, std::string function) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    auto after = page->cursor;
    const auto all = co_await (*scheduler)->list(std::move(function), std::move(after), page->to_fetch());
    auto items = Json::array();
    for (const auto& one : all) items.push_back(Json::parse(trigger::format_schedule(*one, (*scheduler)->now())));
    co_return page_answer("schedules", std::move(items), *page, "id");
}

AnswerTask list(Call& call) {
    const std::string every;
    co_return co_await page_of_schedules(call, every);
}

AnswerTask list_of_function(Call& call) {
    const auto function = find_function(call);
    if (!function) co_return function.error();
    auto name = call.words.at(0);
    co_return co_await page_of_schedules(call, std::move(name));
}

AnswerTask add(Call& call) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    const auto function = find_function(call);
    if (!function) co_return function.error();
    auto name = call.words.at(0);
    auto made = co_await (*scheduler)->add(std::move(name), std::move(call.body));
    if (!made) co_return made.error();
    auto answer = resource_answer(**scheduler, *made, 201);
    answer.fields.push_back({"Location", "/v1/schedules/" + (*made)->id});
    co_return answer;
}

AnswerTask show(Call& call) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    auto id = call.words.at(0);
    const auto found = co_await (*scheduler)->show(std::move(id));
    if (!found) co_return found.error();
    co_return resource_answer(**scheduler, *found);
}

AnswerTask patch(Call& call) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    auto id = call.words.at(0);
    const auto changed = co_await (*scheduler)->patch(std::move(id), std::move(call.body));
    if (!changed) co_return changed.error();
    co_return resource_answer(**scheduler, *changed);
}

AnswerTask remove(Call& call) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    auto id = call.words.at(0);
    const auto removed = co_await (*scheduler)->remove(std::move(id));
    if (!removed) co_return removed.error();
    Answer answer;
    answer.status = 204;
    co_return answer;
}

AnswerTask set_paused(Call& call, bool paused) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    auto id = call.words.at(0);
    const auto changed = co_await (*scheduler)->set_paused(std::move(id), paused);
    if (!changed) co_return changed.error();
    co_return resource_answer(**scheduler, *changed);
}

AnswerTask pause(Call& call) { co_return co_await set_paused(call, true); }

AnswerTask resume(Call& call) { co_return co_await set_paused(call, false); }

/// As an event that is accepted for later is answered.
AnswerTask run(Call& call) {
    const auto scheduler = scheduler_of(call);
    if (!scheduler) co_return scheduler.error();
    auto id = call.words.at(0);
    const auto put = co_await (*scheduler)->run_now(std::move(id));
    if (!put) co_return put.error();
    Json document;
    document["invocation"] = *put;
    auto answer = json_answer(document, 202);
    answer.fields.push_back({"Location", "/v1/invocations/" + *put});
    co_return answer;
}

constexpr std::array<Endpoint, 9> table{{
    {"GET", "/v1/functions/{name}/schedules", list_of_function, Access::deploy, Takes::nothing, "limit cursor"},
    {"POST", "/v1/functions/{name}/schedules", add, Access::deploy, Takes::json},
    {"GET", "/v1/schedules", list, Access::deploy, Takes::nothing, "limit cursor"},
    {"GET", "/v1/schedules/{id}", show, Access::deploy},
    {"PATCH", "/v1/schedules/{id}", patch, Access::deploy, Takes::merge_patch},
    {"DELETE", "/v1/schedules/{id}", remove, Access::deploy},
    {"POST", "/v1/schedules/{id}/pause", pause, Access::deploy},
    {"POST", "/v1/schedules/{id}/resume", resume, Access::deploy},
    {"POST", "/v1/schedules/{id}/run", run, Access::deploy},
}};

}  // namespace

std::span<const Endpoint> schedule_endpoints() { return table; }

}  // namespace shallop::api
