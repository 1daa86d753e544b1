// SPDX-License-Identifier: Apache-2.0
// /v1/triggers: functions that are run on what happens at the engine.
#include <shallop/trigger/engine_triggers.h>

#include <array>

#include "api/endpoint.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using trigger::EngineTriggers;
using trigger::EngineTriggerView;

constexpr std::size_t usual_page = 100;

Result<EngineTriggers*> triggers_of(const Call& call) {
    if (call.parts.triggers != nullptr) return call.parts.triggers;
    return Error(Fault::not_found, "this server keeps no triggers");
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json resource_of(const EngineTriggerView& view) {
    Json json;
    json["id"] = view.trigger.id;
    json.update(Json::parse(trigger::format_engine_trigger(view.trigger)));
    json["created"] = view.trigger.created;
    json["fired"] = view.fired;
    json["last_fired"] = or_null(view.last_time);
    json["last_invocation"] = or_null(view.last_invocation);
    return json;
}

AnswerTask list(Call& call) {
    const auto triggers = triggers_of(call);
    if (!triggers) co_return triggers.error();
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    auto items = Json::array();
    for (const auto& one : (*triggers)->list(page->cursor, page->to_fetch())) items.push_back(resource_of(one));
    co_return page_answer("triggers", std::move(items), *page, "id");
}

AnswerTask add(Call& call) {
    const auto triggers = triggers_of(call);
    if (!triggers) co_return triggers.error();
    const auto made = co_await (*triggers)->add(std::move(call.body));
    if (!made) co_return made.error();
    auto answer = json_answer(resource_of(*made), 201);
    answer.fields.push_back({"Location", "/v1/triggers/" + made->trigger.id});
    co_return answer;
}

AnswerTask show(Call& call) {
    const auto triggers = triggers_of(call);
    if (!triggers) co_return triggers.error();
    const auto found = (*triggers)->show(call.words.at(0));
    if (!found) co_return found.error();
    co_return json_answer(resource_of(*found));
}

AnswerTask remove(Call& call) {
    const auto triggers = triggers_of(call);
    if (!triggers) co_return triggers.error();
    auto id = call.words.at(0);
    const auto removed = co_await (*triggers)->remove(std::move(id));
    if (!removed) co_return removed.error();
    Answer answer;
    answer.status = 204;
    co_return answer;
}

AnswerTask set_paused(Call& call, bool paused) {
    const auto triggers = triggers_of(call);
    if (!triggers) co_return triggers.error();
    auto id = call.words.at(0);
    const auto changed = co_await (*triggers)->set_paused(std::move(id), paused);
    if (!changed) co_return changed.error();
    co_return json_answer(resource_of(*changed));
}

AnswerTask pause(Call& call) { co_return co_await set_paused(call, true); }

AnswerTask resume(Call& call) { co_return co_await set_paused(call, false); }

constexpr std::array<Endpoint, 6> table{{
    {"GET", "/v1/triggers", list, Access::deploy, Takes::nothing, "limit cursor"},
    {"POST", "/v1/triggers", add, Access::deploy, Takes::json},
    {"GET", "/v1/triggers/{id}", show, Access::deploy},
    {"DELETE", "/v1/triggers/{id}", remove, Access::deploy},
    {"POST", "/v1/triggers/{id}/pause", pause, Access::deploy},
    {"POST", "/v1/triggers/{id}/resume", resume, Access::deploy},
}};

}  // namespace

std::span<const Endpoint> trigger_endpoints() { return table; }

}  // namespace shallop::api
