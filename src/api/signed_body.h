// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/function/event.h>
#include <shallop/function/signature.h>

#include "api/routing.h"

#include <chrono>
#include <string>

namespace shallop::api {

/// The pointer of an `invalid` that is a missing or wrong signature: 401 rather than 400.
inline constexpr const char* bad_signature = "signature";

/// What the bodies of requests that must be signed may take of our memory: who sends them has not shown yet who they are.
struct SignedLimits {
    base::Bytes one = 6ULL << 20;
    base::Bytes all = 64ULL << 20;  ///< of all requests together
};

/// How a request that leads to `function` by the gateway, as `destination` says, must be signed; nullptr: it need not.
///
/// By a function's name it must be signed as its signed routes are: the name is no way around them. Faults: invalid (bad_signature) for
/// the name of a function whose routes are signed in different ways: one sender's secret is no key to what another one sends.
base::Result<const function::Signature*> wanted_signature(const function::Function& function,
                                                          const Destination& destination);

/// The body of a request that must be signed: read whole and checked, then given to the function as it came.
class SignedBody final : public function::BodySource {
public:
    /// `function` holds `signature`; `open` gives the secrets that it names; `held` is what all of them have in memory. Both outlive this.
    SignedBody(function::FunctionPtr function, const function::Signature& signature, const function::SecretOpener& open,
               base::Bytes& held, SignedLimits limits = {})
        : function_(std::move(function)), signature_(signature), open_(open), held_(held), limits_(limits) {}
    SignedBody(const SignedBody&) = delete;
    SignedBody& operator=(const SignedBody&) = delete;
    ~SignedBody() override { held_ -= body_.size(); }

    /// Once, before the first read(). What the head says is judged before the body is read. Faults: invalid (bad_signature), too_large,
    /// overloaded, those of `from`.
    Task<base::Status> take(const base::Fields& fields, function::BodySource& from,
                            std::chrono::system_clock::time_point now);

    /// A token that is the secret itself is nobody's business any more: not the function's, and not of who reads queued events.
    void remove_secret(base::Fields& fields) const;

    Task<base::Result<std::size_t>> read(std::span<char> into) override;

private:
    base::Status keep(std::span<const char> bytes);

    function::FunctionPtr function_;
    const function::Signature& signature_;
    const function::SecretOpener& open_;
    base::Bytes& held_;
    SignedLimits limits_;
    std::string body_;
    std::size_t given_ = 0;
};

}  // namespace shallop::api
