// SPDX-License-Identifier: Apache-2.0
// /v1/functions/{name}/source: code comes in.
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

AnswerTask upload(Call& call) {
    auto* code = call.parts.code;
    if (code == nullptr) co_return Error(Fault::invalid, "this server keeps no code");
    Spool spool(code->new_upload());
    const auto received = co_await receive(call.exchange, spool, code->limits().upload);
    if (!received) co_return received.error();
    registry::Upload upload;
    upload.path = spool.path();
    upload.filename = call.query.text("filename");
    upload.runtime = call.query.text("runtime");
    upload.entry = call.query.text("entry");
    upload.handler = call.query.text("handler");
    upload.image = call.query.text("image");
    auto name = call.words.at(0);
    auto claimed = precondition(call);
    const auto deployed =
        co_await call.parts.registry.put_source(std::move(name), std::move(upload), std::move(claimed));
    co_return deployed_answer(deployed);
}

constexpr std::array<Endpoint, 1> table{{
    {"POST", "/v1/functions/{name}/source", upload, Access::token, Takes::upload,
     "filename runtime entry handler image"},
}};

}  // namespace

std::span<const Endpoint> source_endpoints() { return table; }

}  // namespace shallop::api
