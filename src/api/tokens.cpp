// SPDX-License-Identifier: Apache-2.0
// /v1/tokens: who may use this API; /v1/audit: what they did.
#include <array>

#include "api/endpoint.h"
#include "api/token_document.h"

namespace shallop::api {
namespace {

using access::Issued;
using access::Origin;
using access::TokenView;

constexpr std::size_t usual_tail = 100;

const char* name_of(Origin origin) {
    switch (origin) {
        case Origin::api:
            return "api";
        case Origin::file:
            return "file";
        case Origin::setting:
            break;
    }
    return "setting";
}

Json time_or_null(const std::optional<access::Seconds>& time) { return time ? Json(base::format_time(*time)) : Json(); }

Json describe(const TokenView& token, std::chrono::system_clock::time_point now) {
    return {{"name", token.name},
            {"scope", access::name(token.scope)},
            {"hint", token.hint.empty() ? Json() : Json(token.hint)},
            {"created", time_or_null(token.created)},
            {"expires", time_or_null(token.expires)},
            {"expired", token.expires && *token.expires <= now},
            {"last_used", time_or_null(token.last_used)},
            {"origin", name_of(token.origin)}};
}

AnswerTask list(Call& call) {
    const auto now = call.parts.clock.wall();
    Json document;
    document["tokens"] = Json::array();
    for (const auto& token : call.parts.tokens.list()) document["tokens"].push_back(describe(token, now));
    co_return json_answer(document);
}

/// The only answer that ever has the secret.
Answer issued_answer(const Call& call, const Issued& issued, int status) {
    auto document = describe(issued.token, call.parts.clock.wall());
    document["token"] = issued.secret;
    auto answer = json_answer(document, status);
    if (status == 201) answer.fields.push_back({"Location", "/v1/tokens/" + issued.token.name});
    return answer;
}

AnswerTask create(Call& call) {
    auto wanted = parse_token(call.body, call.parts.clock.wall());
    if (!wanted) co_return wanted.error();
    const auto issued = co_await call.parts.tokens.create(std::move(*wanted));
    if (!issued) co_return issued.error();
    co_return issued_answer(call, *issued, 201);
}

AnswerTask rotate(Call& call) {
    auto name = call.words.at(0);
    const auto issued = co_await call.parts.tokens.rotate(std::move(name));
    if (!issued) co_return issued.error();
    co_return issued_answer(call, *issued, 200);
}

AnswerTask remove(Call& call) {
    auto name = call.words.at(0);
    const auto removed = co_await call.parts.tokens.remove(std::move(name));
    if (!removed) co_return removed.error();
    Answer answer;
    answer.status = 204;
    co_return answer;
}

AnswerTask audit(Call& call) {
    const auto tail = call.query.count("tail", usual_tail, access::Audit::longest_tail);
    if (!tail) co_return tail.error();
    Answer answer;
    answer.type = "application/x-ndjson";
    answer.body = co_await call.parts.audit.tail(*tail);
    co_return answer;
}

constexpr std::array<Endpoint, 5> table{{
    {"GET", "/v1/tokens", list, Access::admin},
    {"POST", "/v1/tokens", create, Access::admin, Takes::json},
    {"DELETE", "/v1/tokens/{name}", remove, Access::admin},
    {"POST", "/v1/tokens/{name}/rotate", rotate, Access::admin},
    {"GET", "/v1/audit", audit, Access::admin, Takes::nothing, "tail"},
}};

}  // namespace

std::span<const Endpoint> token_endpoints() { return table; }

}  // namespace shallop::api
