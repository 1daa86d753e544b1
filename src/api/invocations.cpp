// SPDX-License-Identifier: Apache-2.0
// /v1/invocations: what runs, what ran lately, and what is queued. /v1/dead-letters: what was queued and failed.
#include <algorithm>
#include <array>

#include "api/endpoint.h"
#include "api/invocation_json.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t usual_page = 50;
constexpr auto longest_wait = std::chrono::minutes(5);

Error unknown_invocation(const std::string& id) {
    return {Fault::not_found, "there is no invocation '" + id.substr(0, 40) +
                                  "' that is queued or kept, or among those running and the last 1,000 ended"};
}

/// A request that runs or ran lately. The run of a queued event is none: what the queue has forgotten is not remembered here.
const observe::Invocation* find_request(const Admin::Parts& parts, const std::string& id) {
    const auto* const found = parts.invocations.find(id);
    return found == nullptr || found->attempt > 0 ? nullptr : found;
}

/// Requests are in memory, queued events on the disk; a page is of both, newest first.
AnswerTask list(Call& call) {
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    store::EventFilter filter;
    filter.function = call.query.text("function");
    filter.before = page->cursor;
    filter.limit = page->to_fetch();
    const auto status = call.query.text("status");
    if (!status.empty()) {
        const auto state = state_of(status);
        if (!state) co_return state.error();
        filter.state = *state;
    }
    const auto& parts = call.parts;
    const auto queued = co_await parts.queue.list(filter);
    if (!queued) co_return queued.error();
    std::vector<Json> found;
    for (const auto& one : parts.invocations.list(filter.function, status, page->cursor, page->to_fetch()))
        found.push_back(describe(one));
    for (const auto& one : *queued)
        found.push_back(describe(one, parts.invocations.find(one.row.id), parts.queue, Detail::none));
    std::sort(found.begin(), found.end(), [](const Json& a, const Json& b) { return a.at("id") > b.at("id"); });
    if (found.size() > page->to_fetch()) found.resize(page->to_fetch());
    auto items = Json::array();
    for (auto& one : found) items.push_back(std::move(one));
    co_return page_answer("invocations", std::move(items), *page, "id");
}

/// By either; waits for the end of a queued one as long as `wait` says.
AnswerTask show(Call& call) {
    const auto id = call.words.at(0);
    const auto& parts = call.parts;
    const auto wait = call.query.duration("wait", longest_wait);
    if (!wait) co_return wait.error();
    if (*wait > base::Duration::zero()) {
        call.exchange.cancel_when_gone(true);
        co_await parts.queue.wait_for_end(id, parts.clock.now() + *wait);
        call.exchange.cancel_when_gone(false);
    }
    const auto kept = co_await parts.queue.find(id);
    if (!kept) co_return kept.error();
    if (*kept) co_return json_answer(describe(**kept, parts.invocations.find(id), parts.queue, Detail::whole));
    const auto* const found = find_request(parts, id);
    if (found == nullptr) co_return unknown_invocation(id);
    co_return json_answer(describe(*found));
}

/// The kept reply as the function gave it.
AnswerTask result(Call& call) {
    const auto id = call.words.at(0);
    const auto kept = co_await call.parts.queue.find(id);
    if (!kept) co_return kept.error();
    if (!*kept) co_return unknown_invocation(id);
    const auto& one = **kept;
    if (!one.reply) {
        co_return Error(Fault::conflict, "there is no reply of this invocation: it is " +
                                             std::string(name(one.row.state)) + "; ask for it with ?wait=30s first");
    }
    Answer answer;
    answer.type = "application/octet-stream";
    for (const auto& field : Json::parse(one.reply->fields)) {
        if (base::same_name(field.at(0).get_ref<const std::string&>(), "Content-Type")) answer.type = field.at(1);
    }
    answer.fields = {{"X-Shallop-Http-Status", std::to_string(one.reply->status)},
                     {"X-Shallop-Truncated", one.reply->truncated ? "true" : "false"},
                     {"Content-Security-Policy", "sandbox; default-src 'none'"}};
    answer.body = one.reply->body;
    co_return answer;
}

AnswerTask cancel(Call& call) {
    const auto id = call.words.at(0);
    const auto& parts = call.parts;
    const auto queued = co_await parts.queue.find(id);
    if (!queued) co_return queued.error();
    if (*queued) {
        const auto done = co_await parts.queue.cancel(id);
        if (!done) co_return done.error();
        const auto after = co_await parts.queue.find(id);
        if (!after || !*after) co_return unknown_invocation(id);
        co_return json_answer(describe(**after, parts.invocations.find(id), parts.queue, Detail::whole), 202);
    }
    const auto* found = find_request(parts, id);
    if (found == nullptr) co_return unknown_invocation(id);
    if (!parts.invoker.cancel(id)) co_return Error(Fault::conflict, "this invocation has already ended");
    found = find_request(parts, id);
    if (found == nullptr) co_return unknown_invocation(id);
    co_return json_answer(describe(*found), 202);
}

AnswerTask replay(Call& call) {
    const auto id = call.words.at(0);
    const auto accepted = co_await call.parts.queue.replay(id);
    if (accepted) {
        auto answer = json_answer({{"id", accepted->id}, {"status", "queued"}}, 202);
        answer.fields.push_back({"Location", "/v1/invocations/" + accepted->id});
        co_return answer;
    }
    if (accepted.error().fault == Fault::not_found && find_request(call.parts, id) != nullptr) {
        co_return Error(Fault::conflict,
                        "only a queued event is kept and can be run again; send the request to the function once more, "
                        "with \"Prefer: respond-async\" to have it kept");
    }
    co_return accepted.error();
}

AnswerTask dead_letters(Call& call) {
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    store::EventFilter filter;
    filter.function = call.query.text("function");
    filter.state = store::EventState::failed;
    filter.indexes = false;
    filter.before = page->cursor;
    filter.limit = page->to_fetch();
    const auto found = co_await call.parts.queue.list(filter);
    if (!found) co_return found.error();
    auto items = Json::array();
    for (const auto& one : *found)
        items.push_back(describe(one, call.parts.invocations.find(one.row.id), call.parts.queue, Detail::none));
    co_return page_answer("dead_letters", std::move(items), *page, "id");
}

AnswerTask redrive(Call& call) {
    const auto done = co_await call.parts.queue.redrive(call.words.at(0));
    if (!done) co_return done.error();
    const auto kept = co_await call.parts.queue.find(call.words.at(0));
    if (!kept || !*kept) co_return unknown_invocation(call.words.at(0));
    co_return json_answer(describe(**kept, nullptr, call.parts.queue, Detail::whole), 202);
}

/// The function whose dead letters are changed; "" where none is said. A script's empty variable is no way to say all.
Result<std::string> whose(const Call& call) {
    auto function = call.query.text("function");
    if (!function.empty() || !call.query.has("function")) return function;
    return Error(Fault::invalid, "the parameter 'function' is empty: name a function, or leave it out for all");
}

AnswerTask redrive_all(Call& call) {
    const auto function = whose(call);
    if (!function) co_return function.error();
    const auto done = co_await call.parts.queue.redrive_all(*function);
    if (!done) co_return done.error();
    co_return json_answer({{"redriven", *done}}, 202);
}

AnswerTask drop(Call& call) {
    const auto done = co_await call.parts.queue.drop(call.words.at(0));
    if (!done) co_return done.error();
    Answer nothing;
    nothing.status = 204;
    co_return nothing;
}

AnswerTask drop_all(Call& call) {
    const auto function = whose(call);
    if (!function) co_return function.error();
    const auto done = co_await call.parts.queue.drop_all(*function);
    if (!done) co_return done.error();
    co_return json_answer({{"dropped", *done}});
}

constexpr std::array<Endpoint, 10> table{{
    {"GET", "/v1/invocations", list, Access::deploy, Takes::nothing, "function status limit cursor"},
    {"GET", "/v1/invocations/{id}", show, Access::invoke, Takes::nothing, "wait"},
    {"GET", "/v1/invocations/{id}/result", result, Access::invoke},
    {"POST", "/v1/invocations/{id}/cancel", cancel, Access::invoke},
    {"POST", "/v1/invocations/{id}/replay", replay, Access::deploy},
    {"GET", "/v1/dead-letters", dead_letters, Access::deploy, Takes::nothing, "function limit cursor"},
    {"DELETE", "/v1/dead-letters", drop_all, Access::deploy, Takes::nothing, "function"},
    {"POST", "/v1/dead-letters/redrive", redrive_all, Access::deploy, Takes::nothing, "function"},
    {"DELETE", "/v1/dead-letters/{id}", drop, Access::deploy},
    {"POST", "/v1/dead-letters/{id}/redrive", redrive, Access::deploy},
}};

}  // namespace

std::span<const Endpoint> invocation_endpoints() { return table; }

}  // namespace shallop::api
