// SPDX-License-Identifier: Apache-2.0
#include "api/signed_body.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace shallop::api {
namespace {

using base::Error;
using base::Fault;
using function::Signature;

constexpr std::size_t step = 16 * 1024;

Error unsigned_request(std::string detail) { return {Fault::invalid, std::move(detail), bad_signature}; }

}  // namespace

base::Result<const Signature*> wanted_signature(const function::Function& function, const Destination& destination) {
    const auto& routes = function.spec.routes;
    if (!destination.by_name) {
        const bool known = destination.route < routes.size();
        base::ensure(known, "a route that was found is the function's");
        const auto& signature = routes[destination.route].signature;
        return signature ? &*signature : nullptr;
    }
    const Signature* wanted = nullptr;
    for (const auto& route : routes) {
        if (!route.signature) continue;
        if (wanted != nullptr && *wanted != *route.signature)
            return unsigned_request("this function is called by its routes only: they are signed in different ways");
        wanted = &*route.signature;
    }
    return wanted;
}

Task<base::Status> SignedBody::take(const base::Fields& fields, function::BodySource& from,
                                    std::chrono::system_clock::time_point now) {
    auto check = function::SignatureCheck::begin(signature_, fields, now, open_);
    if (!check) co_return unsigned_request(check.error().detail);
    const auto buffer = std::make_unique_for_overwrite<char[]>(step);
    const std::span<char> room(buffer.get(), step);
    for (;;) {
        const auto got = co_await from.read(room);
        if (!got) co_return got.error();
        if (*got == 0) break;
        const auto bytes = room.first(*got);
        const auto kept = keep(bytes);
        if (!kept) co_return kept.error();
        check->update(bytes);
    }
    const auto matches = check->end();
    if (!matches) co_return unsigned_request(matches.error().detail);
    co_return base::Status();
}

base::Status SignedBody::keep(std::span<const char> bytes) {
    if (body_.size() + bytes.size() > limits_.one) {
        return Error(Fault::too_large,
                     "the body of a signed request is read whole before it is given on, and may have " +
                         base::format_bytes(limits_.one) + " at most");
    }
    if (held_ + bytes.size() > limits_.all)
        return Error(Fault::overloaded, "too many signed requests are being read now; try again later", "waited");
    body_.append(bytes.data(), bytes.size());
    held_ += bytes.size();
    return {};
}

void SignedBody::remove_secret(base::Fields& fields) const {
    if (signature_.scheme != function::SignatureScheme::gitlab) return;
    std::erase_if(fields, [](const auto& field) { return base::same_name(field.name, function::gitlab_field); });
}

Task<base::Result<std::size_t>> SignedBody::read(std::span<char> into) {
    const auto size = std::min(into.size(), body_.size() - given_);
    if (size > 0) std::memcpy(into.data(), body_.data() + given_, size);
    given_ += size;
    co_return size;
}

}  // namespace shallop::api
