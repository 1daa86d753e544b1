// SPDX-License-Identifier: Apache-2.0
// /v1/secrets: values that functions get as files. They come in and never go out.
#include <shallop/function/secret.h>
#include <shallop/secret/vault.h>

#include <array>

#include "api/endpoint.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

constexpr std::size_t usual_page = 100;

Result<secret::Vault*> vault_of(const Call& call) {
    if (call.parts.secrets != nullptr) return call.parts.secrets;
    return Error(Fault::not_found, "this server keeps no secrets");
}

Json resource_of(const secret::View& view) {
    return {{"name", view.name},       {"version", view.version}, {"bytes", view.bytes},
            {"created", view.created}, {"updated", view.updated}, {"used_by", view.used_by}};
}

AnswerTask list(Call& call) {
    const auto vault = vault_of(call);
    if (!vault) co_return vault.error();
    const auto page = page_of(call.query, usual_page);
    if (!page) co_return page.error();
    auto items = Json::array();
    for (const auto& one : (*vault)->list(page->cursor, page->to_fetch())) items.push_back(resource_of(one));
    co_return page_answer("secrets", std::move(items), *page, "name");
}

AnswerTask show(Call& call) {
    const auto vault = vault_of(call);
    if (!vault) co_return vault.error();
    const auto found = (*vault)->show(call.words.at(0));
    if (!found) co_return found.error();
    co_return json_answer(resource_of(*found));
}

AnswerTask put(Call& call) {
    const auto vault = vault_of(call);
    if (!vault) co_return vault.error();
    auto value = function::parse_secret_value(call.body);
    base::wipe(call.body);
    auto name = call.words.at(0);
    if (const auto fine = function::check_secret(name); !fine) co_return fine.error();
    if (!value) co_return value.error();
    const auto done = co_await (*vault)->put(std::move(name), std::move(*value));
    if (!done) co_return done.error();
    auto answer = json_answer(resource_of(done->secret), done->created ? 201 : 200);
    if (done->created) answer.fields.push_back({"Location", "/v1/secrets/" + done->secret.name});
    co_return answer;
}

AnswerTask remove(Call& call) {
    const auto vault = vault_of(call);
    if (!vault) co_return vault.error();
    auto name = call.words.at(0);
    const auto done = co_await (*vault)->remove(std::move(name));
    if (!done) co_return done.error();
    Answer answer;
    answer.status = 204;
    co_return answer;
}

constexpr std::array<Endpoint, 4> table{{
    {"GET", "/v1/secrets", list, Access::deploy, Takes::nothing, "limit cursor"},
    {"GET", "/v1/secrets/{name}", show, Access::deploy},
    {"PUT", "/v1/secrets/{name}", put, Access::deploy, Takes::json},
    {"DELETE", "/v1/secrets/{name}", remove, Access::deploy},
}};

}  // namespace

std::span<const Endpoint> secret_endpoints() { return table; }

}  // namespace shallop::api
