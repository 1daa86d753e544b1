// SPDX-License-Identifier: Apache-2.0
// /v1/functions/{name}/source and verify: code comes in.
#include <shallop/function/resource.h>
#include <shallop/source/spool.h>

#include <array>

#include "api/deployed.h"
#include "api/endpoint.h"

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;

using source::Spool;

Task<base::Status> receive(http::Exchange& exchange, Spool& into, base::Bytes limit) {
    exchange.set_body_limit(limit);
    std::array<char, 16 * 1024> piece{};
    for (;;) {
        const auto read = co_await exchange.read(piece);
        if (!read && read.error().fault == Fault::too_large)
            co_return Error(Fault::too_large, "the upload is larger than " + base::format_bytes(limit));
        if (!read) co_return read.error();
        if (*read == 0) co_return base::Status();
        const std::span<const char> bytes(piece.data(), *read);
        if (const auto written = into.write(bytes); !written) co_return written;
    }
}

/// What a deploy would make, and what the runtime says of it.
Answer verified_answer(const registry::Verified& verified) {
    auto resource = Json::parse(function::show_spec(verified.spec));
    Json page;
    page["image"] = resource["image"];
    page["source"] = resource["source"];
    page["contract"] = resource["contract"];
    page["kind"] = verified.announced.kind.empty() ? Json() : Json(verified.announced.kind);
    page["handler"] = verified.announced.handler.empty() ? Json() : Json(verified.announced.handler);
    page["routes"] = Json::array();
    for (const auto& route : verified.announced.routes)
        page["routes"].push_back({{"path", route.path}, {"methods", route.methods}});
    return json_answer(page);
}

/// The upload, in `spool`, with what the query says of it.
Task<base::Result<registry::Upload>> take(Call& call, Spool& spool) {
    const auto received = co_await receive(call.exchange, spool, call.parts.code->limits().upload);
    if (!received) co_return received.error();
    registry::Upload upload;
    upload.path = spool.path();
    upload.filename = call.query.text("filename");
    upload.runtime = call.query.text("runtime");
    upload.entry = call.query.text("entry");
    upload.handler = call.query.text("handler");
    upload.image = call.query.text("image");
    const auto routes = call.query.text("routes");
    if (!routes.empty() && routes != "application")
        co_return Error(Fault::invalid, "the query's routes has one word: application");
    upload.own_routes = !routes.empty();
    co_return upload;
}

Error no_code_here() { return {Fault::invalid, "this server keeps no code"}; }

AnswerTask upload(Call& call) {
    if (call.parts.code == nullptr) co_return no_code_here();
    Spool spool(call.parts.code->new_upload());
    auto code = co_await take(call, spool);
    if (!code) co_return code.error();
    auto name = call.words.at(0);
    auto claimed = precondition(call);
    const auto deployed =
        co_await call.parts.registry.put_source(std::move(name), std::move(*code), std::move(claimed));
    co_return deployed_answer(deployed);
}

AnswerTask verify(Call& call) {
    if (call.parts.code == nullptr) co_return no_code_here();
    Spool spool(call.parts.code->new_upload());
    auto code = co_await take(call, spool);
    if (!code) co_return code.error();
    auto name = call.words.at(0);
    const auto verified = co_await call.parts.registry.verify_source(std::move(name), std::move(*code));
    if (!verified) co_return verified.error();
    co_return verified_answer(*verified);
}

constexpr auto about_the_upload = "filename runtime entry handler image routes";

constexpr std::array<Endpoint, 2> table{{
    {"POST", "/v1/functions/{name}/source", upload, Access::deploy, Takes::upload, about_the_upload},
    {"POST", "/v1/functions/{name}/verify", verify, Access::deploy, Takes::upload, about_the_upload},
}};

}  // namespace

std::span<const Endpoint> source_endpoints() { return table; }

}  // namespace shallop::api
