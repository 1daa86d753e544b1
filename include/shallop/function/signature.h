// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/fields.h>
#include <shallop/base/result.h>
#include <shallop/function/secret.h>
#include <shallop/function/spec.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace shallop::function {

/// Whether a request is signed as a route asks: by HMAC over its raw body, or, for gitlab, by a token that is as good as a password.
///
/// What its head tells is judged at once, before a byte of the body is read. All comparisons are in constant time. A request that is sent a
/// second time within the tolerance is accepted again: who cares looks at the sender's id of it.
class SignatureCheck {
public:
    /// `signature` outlives it; `open` gives the values of the secrets that it names, as they are now. A line's end behind such a value is no part
    /// of it. Faults: invalid, in words for the sender that help nobody to forge one: a field is missing or there twice, it is none of this scheme,
    /// its time is too far from `now`, or none of the secrets can be had.
    static base::Result<SignatureCheck> begin(const Signature& signature, const base::Fields& fields,
                                              std::chrono::system_clock::time_point now, const SecretOpener& open = {});

    SignatureCheck(SignatureCheck&&) noexcept;
    SignatureCheck& operator=(SignatureCheck&&) noexcept;
    ~SignatureCheck();

    /// More of the body.
    void update(std::span<const char> bytes);

    /// The body was all. Once. Faults: invalid: no signature matches.
    base::Status end();

private:
    struct State;
    explicit SignatureCheck(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

/// Where GitLab sends its token.
inline constexpr const char* gitlab_field = "X-Gitlab-Token";

/// The key that a secret stands for: of standard-webhooks the decoded base64 after "whsec_"; of all others the secret itself.
/// Faults: invalid where it is no base64.
base::Result<std::string> signing_key(SignatureScheme scheme, std::string_view secret);

}  // namespace shallop::function
